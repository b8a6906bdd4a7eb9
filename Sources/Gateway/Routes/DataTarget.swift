internal import Layouts
internal import Representations
internal import Segments

/// The array that a data request means, and what it picks of it.
struct DataTarget {
    let open: OpenSegment
    let array: ArrayBuffer
    let selection: Selection

    var segment: Segment { open.segment }
    var dtype: DType { array.dtype }
    /// Whether JSON gives the bytes in base64 instead of a list.
    var isBytes: Bool { open.header.layout.kind == BytesLayout.kind }

    /// Finds the array and applies `slice=`.
    init(_ name: SegmentName, member: String?, in catalog: Catalog, _ query: inout Query) throws {
        open = try catalog.segment(name)
        if let member {
            throw Problem(.noSuchMember, "\(open.header.layout.kind) has no members, got \(member)")
        }
        guard let array = open.header["values"] else {
            throw Problem(.noSuchMember, "the segment \(name) has no array of its own")
        }
        self.array = array
        selection = try Selection(query.take("slice").map(Slice.init) ?? .whole, of: array)
    }
}

extension JSONOptions {
    /// Takes the parameters that choose spellings.
    init(_ query: inout Query) throws(Problem) {
        self.init()
        nanAsString = try query.take("nan", from: [("null", false), ("string", true)], default: false)
        int64AsString = try query.take("int64", from: [("number", false), ("string", true)], default: false)
        timedeltaAsISO = try query.take("timedelta", from: [("integer", false), ("iso", true)], default: false)
        replacesInvalidText = try query.take("text", from: [("base64", false), ("replace", true)], default: false)
    }
}
