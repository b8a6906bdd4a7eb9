internal import Documents

/// One array of any dtype and shape: `{"kind": "ndarray", "dtype": "<f4", "shape": [3, 5]}`.
public struct NdarrayLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "ndarray"

    /// The type of its elements.
    public let dtype: DType
    /// Its extents.
    public let shape: [Int]

    /// An array of a dtype and extents of 0 or more.
    public init(dtype: DType, shape: [Int]) {
        self.dtype = dtype
        self.shape = shape
    }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) {
        dtype = try fields.dtype("dtype")
        shape = try fields.shape("shape")
    }

    /// Itself.
    public var form: LayoutForm { .ndarray(self) }

    var arrays: [ArraySpecification] { [ArraySpecification(path: "values", dtype: dtype, shape: shape)] }

    func writeFields(to json: inout JSONWriter) {
        json.key("dtype")
        dtype.write(to: &json)
        json.key("shape")
        json.shape(shape)
    }
}
