package import Documents
package import Layouts

/// Writes what the values of an excerpt are like: of an array one object, of a dataframe one for each column, of a
/// struct or a list one for each member.
package struct StatisticsJSON {
    private let options: JSONOptions
    private let bytes: (Int) -> UnsafeRawPointer

    /// `bytes` gives the packed bytes of a part.
    package init(options: JSONOptions, bytes: @escaping (Int) -> UnsafeRawPointer) {
        self.options = options
        self.bytes = bytes
    }

    /// Appends the JSON of an excerpt.
    package func write(_ excerpt: Excerpt, to json: inout JSONWriter) {
        switch excerpt {
        case .array(let part), .bytes(let part): write(part, to: &json)
        case .json: write(Statistics(withoutNumbers: 1), nil, [], to: &json) { _, _ in }
        case .series(let series): write(series.values, to: &json)
        case .dataArray(let array): write(array.values, to: &json)
        case .frame(let frame), .row(let frame):
            object("columns", frame.columns, to: &json) { write($0, to: &$1) }
        case .structure(let members):
            object("members", members.map { ($0.name, $0.excerpt) }, to: &json) { write($0, to: &$1) }
        case .list(let items):
            json.beginObject()
            json.key("items")
            json.beginArray()
            for item in items { write(item, to: &json) }
            json.endArray()
            json.endObject()
        case .labels(let labels): write(labels, to: &json)
        }
    }

    private func object<Value>(
        _ key: String,
        _ members: [(String, Value)],
        to json: inout JSONWriter,
        _ write: (Value, inout JSONWriter) -> Void
    ) {
        json.beginObject()
        json.key(key)
        json.beginObject()
        for (name, value) in members {
            json.key(name)
            write(value, &json)
        }
        json.endObject()
        json.endObject()
    }

    private func write(_ part: Excerpt.Part, to json: inout JSONWriter) {
        let type = part.type
        write(bytes(part.number), type.dtype, part.shape, type.zone.flatMap(TimeZone.named), to: &json)
    }

    /// Labels are read by themselves, for they lie in no part.
    private func write(_ labels: PickedLabels, to json: inout JSONWriter) {
        guard let dtype = labels.dtype, let loaded = try? labels.load() else {
            return write(Statistics(withoutNumbers: labels.count), nil, [labels.count], to: &json) { _, _ in }
        }
        loaded.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, !bytes.isEmpty else {
                return write(Statistics(withoutNumbers: 0), dtype, labels.shape, to: &json) { _, _ in }
            }
            write(base, dtype, labels.shape, loaded.zone.flatMap(TimeZone.named), to: &json)
        }
    }

    private func write(
        _ base: UnsafeRawPointer,
        _ dtype: DType,
        _ shape: [Int],
        _ zone: TimeZone?,
        to json: inout JSONWriter
    ) {
        let elements = ElementWriter(dtype, options, zone: zone)
        let statistics = Statistics(base, count: shape.reduce(1, *), dtype)
        write(statistics, dtype, shape, to: &json) { position, text in
            elements.write(base + position * dtype.byteCount, to: &text)
        }
    }

    /// Writes an object; `element` writes the one at a position.
    private func write(
        _ statistics: Statistics,
        _ dtype: DType?,
        _ shape: [Int],
        to json: inout JSONWriter,
        element: (Int, inout ByteBuffer) -> Void
    ) {
        json.beginObject()
        if let dtype {
            json.key("dtype")
            json.string(dtype.description)
        }
        json.key("shape")
        json.beginArray()
        for extent in shape { json.integer(Int64(extent)) }
        json.endArray()
        json.key("count")
        json.integer(Int64(statistics.count))
        json.key("nan_count")
        json.integer(Int64(statistics.nanCount))
        for (key, position) in [("min", statistics.leastAt), ("max", statistics.greatestAt)] {
            json.key(key)
            if let position { element(position, &json.buffer) } else { json.null() }
        }
        json.key("mean")
        switch statistics.mean {
        case nil: json.null()
        case .real(let mean): Number.write(mean, options, to: &json.buffer)
        case .complex(let real, let imaginary):
            json.beginArray()
            Number.write(real, options, to: &json.buffer)
            json.buffer.append(UInt8(ascii: ","))
            Number.write(imaginary, options, to: &json.buffer)
            json.endArray()
        }
        json.key("std")
        if let deviation = statistics.deviation {
            Number.write(deviation, options, to: &json.buffer)
        } else {
            json.null()
        }
        json.endObject()
    }
}
