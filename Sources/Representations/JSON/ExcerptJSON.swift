package import Documents
package import Layouts
package import Segments

/// Writes excerpts in the forms that the libraries' own constructors take.
package struct ExcerptJSON {
    /// How a dataframe stands in JSON.
    package enum Orientation: Sendable {
        /// `{"columns", "index", "data"}`, the rows in `data`.
        case split
        /// `{"a": […], "b": […]}`.
        case columns
    }

    private let options: JSONOptions
    private let orientation: Orientation
    private let tellsDTypes: Bool
    /// Which rows of a selection they are, to be said; nil if not.
    private let rows: [Int]?
    /// Where the labels of its index are kept as text; nil if they are not.
    private let indexText: KnownLabelsText?
    /// The attributes of the segment, for a dataarray that is all of it.
    private let attrs: String
    /// Where the packed bytes of a part begin.
    private let bytes: (Int) -> UnsafeRawPointer

    /// A writer over packed parts; `attrs` is JSON text.
    package init(
        options: JSONOptions,
        orientation: Orientation = .split,
        tellsDTypes: Bool = false,
        rows: [Int]? = nil,
        indexText: KnownLabelsText? = nil,
        attrs: String = "{}",
        bytes: @escaping (Int) -> UnsafeRawPointer
    ) {
        self.options = options
        self.orientation = orientation
        self.tellsDTypes = tellsDTypes
        self.rows = rows
        self.indexText = indexText
        self.attrs = attrs
        self.bytes = bytes
    }

    /// Writes an excerpt as one value; labels are read here.
    package func write(_ excerpt: Excerpt, to json: inout JSONWriter) throws(SegmentError) {
        switch excerpt {
        case .array(let part): writeArray(part, to: &json)
        case .bytes(let part):
            json.beginObject()
            json.key("data")
            writeBase64(part, to: &json)
            json.endObject()
        case .json(let part): try writeText(part, to: &json)
        case .series(let series): try write(series, to: &json)
        case .frame(let frame):
            if orientation == .columns { writeColumns(frame, to: &json) } else { try write(frame, to: &json) }
        case .row(let frame): try writeRow(frame, to: &json)
        case .dataArray(let array): try write(array, to: &json)
        case .labels(let labels): try writeArray(labels, to: &json)
        case .structure(let members):
            json.beginObject()
            for (name, member) in members {
                json.key(name)
                try nested.write(member, to: &json)
            }
            json.endObject()
        case .list(let items):
            json.beginArray()
            for item in items { try nested.write(item, to: &json) }
            json.endArray()
        }
    }

    /// The writer of what stands inside another layout, which the segment's attributes are not about.
    private var nested: ExcerptJSON {
        ExcerptJSON(options: options, orientation: orientation, tellsDTypes: tellsDTypes, bytes: bytes)
    }

    private func writeArray(_ part: Excerpt.Part, to json: inout JSONWriter) {
        json.beginObject()
        json.key("dtype")
        writeDType(part.type, to: &json)
        json.key("shape")
        json.shape(part.shape)
        json.key("data")
        writeData(part, to: &json)
        writeNumbers(to: &json)
        json.endObject()
    }

    /// Says which rows they are.
    private func writeNumbers(to json: inout JSONWriter) {
        guard let rows else { return }
        json.key("rows")
        json.shape(rows)
    }

    private func writeBase64(_ part: Excerpt.Part, to json: inout JSONWriter) {
        let count = part.shape.reduce(1, *)
        json.buffer.append(UInt8(ascii: "\""))
        json.buffer.appendBase64(UnsafeRawBufferPointer(start: bytes(part.number), count: count))
        json.buffer.append(UInt8(ascii: "\""))
    }

    /// The text of a JSON value, checked, for a local process may have written anything there.
    private func writeText(_ part: Excerpt.Part, to json: inout JSONWriter) throws(SegmentError) {
        let padded = UnsafeRawBufferPointer(start: bytes(part.number), count: part.shape.reduce(1, *))
        let end = (padded.lastIndex { $0 != 0 } ?? -1) + 1
        if end == 0 { return json.null() }
        let text = UnsafeRawBufferPointer(rebasing: padded[..<end])
        do throws(JSONError) {
            var reader = JSONReader(text)
            _ = try reader.skip()
            try reader.finish()
        } catch {
            throw .corrupt("expected JSON in the values of a json layout: \(error)")
        }
        json.raw(text)
    }

    private func write(_ series: Excerpt.Series, to json: inout JSONWriter) throws(SegmentError) {
        json.beginObject()
        json.key("name")
        if let name = series.name { json.string(name) } else { json.null() }
        json.key("dtype")
        writeDType(series.values.type, to: &json)
        json.key("index")
        try writeIndex(series.index, to: &json)
        json.key("data")
        writeData(series.values, to: &json)
        writeNumbers(to: &json)
        json.endObject()
    }

    private func writeIndex(_ labels: PickedLabels, to json: inout JSONWriter) throws(SegmentError) {
        if let indexText { return try indexText.write(labels, options: options, to: &json) }
        LabelsJSON.write(try labels.load(), shape: labels.shape, options: options, to: &json)
    }

    private func write(_ array: Excerpt.LabelledArray, to json: inout JSONWriter) throws(SegmentError) {
        json.beginObject()
        json.key("name")
        if let name = array.name { json.string(name) } else { json.null() }
        json.key("dtype")
        writeDType(array.values.type, to: &json)
        json.key("dims")
        writeNames(array.dims, to: &json)
        json.key("shape")
        json.shape(array.values.shape)
        json.key("attrs")
        json.raw(attrs)
        json.key("coords")
        json.beginObject()
        for (name, dims, labels, attrs) in array.coords {
            json.key(name)
            json.beginObject()
            json.key("dims")
            writeNames(dims, to: &json)
            json.key("attrs")
            json.raw(attrs ?? "{}")
            json.key("data")
            LabelsJSON.write(try labels.load(), shape: labels.shape, options: options, to: &json)
            json.endObject()
        }
        json.endObject()
        json.key("data")
        writeData(array.values, to: &json)
        writeNumbers(to: &json)
        json.endObject()
    }

    /// Labels by themselves, as an array.
    private func writeArray(_ labels: PickedLabels, to json: inout JSONWriter) throws(SegmentError) {
        let packed = try labels.load()
        json.beginObject()
        json.key("dtype")
        switch packed.dtype {
        case nil: json.string("str")
        case .some(let dtype):
            writeDType((try? ValueType(dtype, zone: packed.zone))?.partType ?? .init(dtype: dtype), to: &json)
        }
        json.key("shape")
        json.shape(labels.shape)
        json.key("data")
        LabelsJSON.write(packed, shape: labels.shape, options: options, to: &json)
        json.endObject()
    }
}

extension ExcerptJSON {
    private func write(_ frame: Excerpt.Frame, to json: inout JSONWriter) throws(SegmentError) {
        json.beginObject()
        json.key("columns")
        writeNames(frame.columns.map(\.name), to: &json)
        json.key("index")
        try writeIndex(frame.index, to: &json)
        json.key("data")
        FrameRowsJSON(frame, options, bytes).write(to: &json)
        if tellsDTypes { writeDTypes(frame, to: &json) }
        writeNumbers(to: &json)
        json.endObject()
    }

    private func writeColumns(_ frame: Excerpt.Frame, to json: inout JSONWriter) {
        json.beginObject()
        for (name, values) in frame.columns {
            json.key(name)
            writeData(values, to: &json)
        }
        json.endObject()
    }

    private func writeDTypes(_ frame: Excerpt.Frame, to json: inout JSONWriter) {
        json.key("dtypes")
        json.beginObject()
        for (name, values) in frame.columns {
            json.key(name)
            writeDType(values.type, to: &json)
        }
        json.endObject()
    }

    /// One row as a series over the columns, its dtype the one that pandas promotes to.
    private func writeRow(_ frame: Excerpt.Frame, to json: inout JSONWriter) throws(SegmentError) {
        let types = frame.columns.map(\.values.type)
        let common = Set(types.map(\.zone)).count > 1 ? nil : DType.common(of: types.map(\.dtype))
        json.beginObject()
        json.key("name")
        LabelsJSON.write(try frame.index.load(), shape: [], options: options, to: &json)
        json.key("dtype")
        if let common {
            writeDType(types[0].dtype == common ? types[0] : .init(dtype: common), to: &json)
        } else {
            json.string("object")
        }
        json.key("index")
        writeNames(frame.columns.map(\.name), to: &json)
        json.key("data")
        json.beginArray()
        for (number, column) in frame.columns.enumerated() {
            if number > 0 { json.buffer.append(UInt8(ascii: ",")) }
            writeElement(column.values, as: common, to: &json)
        }
        json.endArray()
        json.endObject()
    }

    /// One element, promoted if that is possible.
    private func writeElement(_ part: Excerpt.Part, as common: DType?, to json: inout JSONWriter) {
        let dtype = part.type.dtype
        let zone = part.type.zone.flatMap(TimeZone.named)
        guard let common, common != dtype,
            withUnsafeTemporaryAllocation(
                byteCount: common.byteCount,
                alignment: 16,
                { place in
                    guard let target = place.baseAddress,
                        (try? Cast.convert(bytes(part.number), dtype, into: target, common, count: 1)) != nil
                    else { return false }
                    ElementWriter(common, options).write(target, to: &json.buffer)
                    return true
                }
            )
        else { return ElementWriter(dtype, options, zone: zone).write(bytes(part.number), to: &json.buffer) }
    }

    private func writeData(_ part: Excerpt.Part, to json: inout JSONWriter) {
        ArrayJSON.write(
            bytes(part.number),
            dtype: part.type.dtype,
            shape: part.shape,
            options: options,
            zone: part.type.zone.flatMap(TimeZone.named),
            to: &json.buffer
        )
    }

    private func writeDType(_ type: Excerpt.PartType, to json: inout JSONWriter) {
        if let spelling = type.pandasSpelling { json.string(spelling) } else { type.dtype.write(to: &json) }
    }

    private func writeNames(_ names: [String], to json: inout JSONWriter) {
        json.beginArray()
        for name in names { json.string(name) }
        json.endArray()
    }
}
