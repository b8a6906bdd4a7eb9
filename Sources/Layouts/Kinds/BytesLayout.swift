internal import Documents

/// Bytes without a meaning: `{"kind": "bytes", "size": 100}`.
public struct BytesLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "bytes"

    /// How many.
    public let size: Int

    /// So many bytes, 0 or more.
    public init(size: Int) { self.size = size }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) { size = try fields.count("size") }

    /// Itself.
    public var form: LayoutForm { .bytes(self) }

    var arrays: [ArraySpecification] { [ArraySpecification(path: "values", dtype: DType(.uint8), shape: [size])] }

    func writeFields(to json: inout JSONWriter) {
        json.key("size")
        json.integer(Int64(size))
    }
}
