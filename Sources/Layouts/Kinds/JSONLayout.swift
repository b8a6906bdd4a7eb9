internal import Documents

/// A JSON value as UTF-8 text, padded with NUL: `{"kind": "json", "value": {"a": 1}, "capacity": 1000}`.
public struct JSONLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "json"

    /// The most bytes that its text may have.
    public let capacity: Int
    /// Its first value; empty in a segment that exists.
    private let text: [UInt8]

    /// Room for so many bytes of JSON text, `null` at first.
    public init(capacity: Int) {
        self.capacity = capacity
        text = capacity < 4 ? [] : Array("null".utf8)
    }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) {
        let value = fields.context.isHeader ? nil : fields.optional("value") ?? .null
        text = value.map { Array(Layouts.text(of: $0).utf8) } ?? []
        capacity = try fields.count("capacity", default: value == nil ? nil : text.count)
        guard text.count <= capacity else {
            throw .invalidLayout("expected a value of at most \(capacity) bytes as JSON, got \(text.count)")
        }
    }

    /// Itself.
    public var form: LayoutForm { .json(self) }

    var arrays: [ArraySpecification] {
        let contents = text.isEmpty ? nil : text
        return [ArraySpecification(path: "values", dtype: DType(.uint8), shape: [capacity], contents: contents)]
    }

    func writeFields(to json: inout JSONWriter) {
        json.key("capacity")
        json.integer(Int64(capacity))
    }
}
