package import Documents

/// Bytes without a meaning: `{"kind": "bytes", "size": 100}`.
package struct BytesLayout: Layout {
    package static let kind = "bytes"

    /// How many.
    package let size: Int

    package init(fields: inout LayoutFields) throws(LayoutError) {
        guard let size = try fields.value("size").integer, size >= 0 else {
            throw .invalidLayout("expected a size of 0 or more")
        }
        self.size = size
    }

    package var arrays: [ArraySpecification] {
        [ArraySpecification(path: "values", dtype: DType(.uint8), shape: [size])]
    }

    package func writeFields(to json: inout JSONWriter) {
        json.key("size")
        json.integer(Int64(size))
    }
}
