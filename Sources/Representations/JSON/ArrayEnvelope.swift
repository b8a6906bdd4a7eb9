internal import Documents
internal import Layouts

/// How the contents of an array are written in a body: bare, or in the envelope that a GET in JSON gives.
struct ArrayEnvelope {
    /// Whether contents are base64 text instead of lists.
    let isBytes: Bool
    let dtype: DType
    let zone: String?
    /// The most elements that are read.
    let limit: Int

    /// Reads the next value of a document.
    func read(_ reader: inout JSONReader) throws -> PackedArray {
        guard try reader.peek() == .object, try isEnvelope(reader) else { return try bare(&reader) }
        var shape: [Int]?
        var data: JSONReader?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "dtype": try checkDType(reader.value())
            case "shape": shape = try Self.shape(reader.value())
            case "data":
                data = reader
                _ = try reader.skip()
            default:
                throw RepresentationError.invalidJSON(
                    "expected an envelope of dtype, shape and data, got the member \"\(key)\""
                )
            }
        }
        guard var data else { throw RepresentationError.invalidJSON("the envelope lacks its member \"data\"") }
        return try bare(&data).restoring(shape)
    }

    /// The dtype of an envelope only has to be one.
    private func checkDType(_ json: JSONValue) throws {
        if case .string(let text) = json, splitZone(text) != nil { return }
        _ = try DType(json)
    }

    /// An object of one member `base64` is an element; any other is an envelope.
    private func isEnvelope(_ reader: JSONReader) throws -> Bool {
        var scout = reader
        try scout.beginObject()
        return try scout.nextKey() != "base64"
    }

    private func bare(_ reader: inout JSONReader) throws -> PackedArray {
        guard isBytes, try reader.peek() == .string else {
            return try ArrayJSON.read(&reader, dtype: dtype, zone: zone.flatMap(TimeZone.named), atMost: limit)
        }
        var bytes = ByteBuffer()
        guard decodeBase64(try reader.string(), into: &bytes) else {
            throw RepresentationError.invalidJSON("expected bytes as base64 with padding")
        }
        let array = try PackedArray(dtype: dtype, shape: [bytes.count])
        bytes.withUnsafeBytes { raw in
            if let base = raw.baseAddress { array.base.copyMemory(from: base, byteCount: raw.count) }
        }
        return array
    }

    static func shape(_ json: JSONValue) throws -> [Int] {
        guard case .array(let items) = json else { throw RepresentationError.invalidJSON("expected a shape as a list") }
        return try items.map { item in
            guard let extent = item.integer, extent >= 0 else {
                throw RepresentationError.invalidJSON("expected a shape of integers of 0 or more")
            }
            return extent
        }
    }
}

extension PackedArray {
    /// The array with the shape that its envelope says: lists lose the axes behind an empty one.
    consuming func restoring(_ given: [Int]?) throws(RepresentationError) -> PackedArray {
        guard let given, given != shape else { return self }
        guard count == 0, product(given, times: 1) == 0 else {
            throw .shapeMismatch("the envelope says the shape \(tuple(given)), its data have \(tuple(shape))")
        }
        return try PackedArray(dtype: dtype, shape: given)
    }
}
