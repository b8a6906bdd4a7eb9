package import Documents

/// One array of any dtype and shape: `{"kind": "ndarray", "dtype": "<f4", "shape": [3, 5]}`.
package struct NdarrayLayout: Layout {
    package static let kind = "ndarray"

    /// The type of its elements.
    package let dtype: DType
    /// Its extents.
    package let shape: [Int]

    package init(fields: inout LayoutFields) throws(LayoutError) {
        dtype = try DType(fields.value("dtype"))
        shape = try extents(fields.value("shape"))
    }

    package var arrays: [ArraySpecification] { [ArraySpecification(path: "values", dtype: dtype, shape: shape)] }

    package func writeFields(to json: inout JSONWriter) {
        json.key("dtype")
        dtype.write(to: &json)
        json.key("shape")
        json.shape(shape)
    }
}
