package import Documents

/// The labels along an axis: what they are and how many, not the labels themselves.
///
/// They never change once their segment has its name. Numbers, bools and times are a plain buffer; texts are two: an
/// int64 `offsets` of n + 1 and the UTF-8 `bytes` that they cut; a range is only written down.
package enum Labels: Equatable, Sendable {
    /// `start`, `start + step`, … before `stop`, as Python's `range`.
    case range(start: Int, stop: Int, step: Int)
    /// One element of a dtype each; instants may belong to a time zone.
    case elements(DType, count: Int, zone: String?)
    /// UTF-8 texts of `byteCount` bytes together.
    case texts(count: Int, byteCount: Int)

    /// How many there are.
    package var count: Int {
        switch self {
        case .range(let start, let stop, let step): Self.rangeCount(start, stop, step)
        case .elements(_, let count, _), .texts(let count, _): count
        }
    }

    /// The buffers that they need, below a path.
    package func arrays(at path: String) -> [ArraySpecification] {
        switch self {
        case .range: []
        case .elements(let dtype, let count, _): [ArraySpecification(path: path, dtype: dtype, shape: [count])]
        case .texts(let count, let byteCount):
            [
                ArraySpecification(path: path + "/offsets", dtype: DType(.int64), shape: [count + 1]),
                ArraySpecification(path: path + "/bytes", dtype: DType(.uint8), shape: [byteCount]),
            ]
        }
    }

    /// Writes them as the header has them: a range, or the buffers that hold them.
    package func write(to json: inout JSONWriter, at path: String) {
        json.beginObject()
        switch self {
        case .range(let start, let stop, let step):
            json.key("range")
            json.shape([start, stop, step])
        case .elements(let dtype, let count, let zone):
            json.key("dtype")
            dtype.write(to: &json)
            if let zone {
                json.key("tz")
                json.string(zone)
            }
            json.key("size")
            json.integer(Int64(count))
            json.key("buffer")
            json.string(path)
        case .texts(let count, let byteCount):
            json.key("dtype")
            json.string("str")
            json.key("size")
            json.integer(Int64(count))
            json.key("nbytes")
            json.integer(Int64(byteCount))
            json.key("buffer")
            json.string(path)
        }
        json.endObject()
    }

    static func rangeCount(_ start: Int, _ stop: Int, _ step: Int) -> Int {
        let (distance, overflow) =
            step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        if overflow || distance <= 0 { return 0 }
        return Int((UInt(distance) - 1) / step.magnitude) + 1
    }
}

/// Labels together with the bytes of their buffers, as a request brought them.
package struct LabelContents: Sendable {
    package var labels: Labels
    /// The bytes of each buffer, in the order of ``Labels/arrays(at:)``.
    package var buffers: [[UInt8]]
}
