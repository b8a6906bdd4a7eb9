internal import Documents
internal import Layouts

/// Reads single elements of one dtype from JSON, and refuses what the dtype cannot hold.
struct ElementReader {
    private let dtype: DType
    private let zone: TimeZone?
    private let fields: [(reader: ElementReader, field: DType.Field)]
    /// Whether the elements are doubles in this machine's order, most of all that is written: they go straight there.
    private let areDoubles: Bool

    /// Instants without an offset are local time of a zone, if they belong to one.
    init(_ dtype: DType, zone: TimeZone? = nil) {
        self.dtype = dtype
        self.zone = zone
        areDoubles = dtype.element == .float64 && !dtype.isBigEndian
        fields = dtype.fields.map { (ElementReader($0.dtype), $0) }
    }

    /// Reads the next value and stores it at a place.
    func read(_ reader: inout JSONReader, into place: UnsafeMutableRawPointer) throws(RepresentationError) {
        if case .structured = dtype.element { return try readFields(&reader, into: place) }
        let start = reader.offset
        let kind = try ArrayJSON.parsing(&reader) { reader throws(JSONError) in try reader.peek() }
        var store: ElementStore { ElementStore(dtype: dtype, place: place, zone: zone) }
        let fits: Bool
        switch kind {
        case .number:
            let number = try ArrayJSON.parsing(&reader) { reader throws(JSONError) in try reader.number() }
            if areDoubles, case .double(let value) = number {
                return place.storeBytes(of: value, as: Double.self)
            }
            fits = store.number(number)
        case .string:
            let text = try ArrayJSON.parsing(&reader) { reader throws(JSONError) in try reader.string() }
            fits = store.text(text)
        case .bool:
            let flag = try ArrayJSON.parsing(&reader) { reader throws(JSONError) in try reader.bool() }
            fits = store.flag(flag)
        case .null:
            try ArrayJSON.parsing(&reader) { reader throws(JSONError) in try reader.null() }
            fits = store.null()
        case .array: fits = try readPair(&reader, store)
        case .object: fits = try readBase64(&reader, store)
        }
        if !fits {
            throw .valueOutOfRange(
                "expected a value that \(dtype) can hold, got the \(kind) at byte \(start): \(excerpt(reader, start))"
            )
        }
    }

    private func readPair(_ reader: inout JSONReader, _ store: ElementStore) throws(RepresentationError) -> Bool {
        guard dtype.element == .complex64 || dtype.element == .complex128 else {
            throw .shapeMismatch("expected one element at byte \(reader.offset), got a list")
        }
        let half = dtype.byteCount / 2
        let part = ElementReader(DType(half == 4 ? .float32 : .float64, bigEndian: dtype.isBigEndian))
        var next = store.place
        try ArrayJSON.list(&reader, [2]) { reader throws(RepresentationError) in
            try part.read(&reader, into: next)
            next += half
        }
        return true
    }

    private func readBase64(_ reader: inout JSONReader, _ store: ElementStore) throws(RepresentationError) -> Bool {
        let value = try ArrayJSON.parsing(&reader) { reader throws(JSONError) in try reader.value() }
        guard case .object(let object) = value, object.members.count == 1, case .string(let text) = object["base64"]
        else { return false }
        var bytes = ByteBuffer()
        guard decodeBase64(text, into: &bytes) else { return false }
        return bytes.withUnsafeBytes { store.bytes($0) }
    }

    private func readFields(
        _ reader: inout JSONReader,
        into place: UnsafeMutableRawPointer
    ) throws(RepresentationError) {
        var next = fields.makeIterator()
        try ArrayJSON.list(&reader, [fields.count]) { reader throws(RepresentationError) in
            guard let (element, field) = next.next() else { return }
            var target = place + field.byteOffset
            try ArrayJSON.list(&reader, field.shape[...]) { reader throws(RepresentationError) in
                try element.read(&reader, into: target)
                target += field.dtype.byteCount
            }
        }
    }

    private func excerpt(_ reader: JSONReader, _ start: Int) -> String {
        let text = reader.text(in: start..<min(reader.offset, start + 40))
        return reader.offset > start + 40 ? text + "…" : text
    }
}
