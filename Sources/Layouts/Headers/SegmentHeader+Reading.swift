internal import Documents
package import Segments

extension SegmentHeader {
    /// Reads and checks the header of a segment; trusts none of it.
    ///
    /// The bytes are a private copy. Whatever contradicts the layout, the file or itself is
    /// ``LayoutError/corrupt(_:)``.
    package init(of segment: Segment) throws {
        let bytes = try segment.openedHeader()
        try self.init(reading: bytes, dataOffset: segment.dataOffset, totalBytes: segment.totalBytes)
    }

    /// Reads a header whose buffers have to lie in `dataOffset..<totalBytes`.
    package init(reading bytes: [UInt8], dataOffset: Int, totalBytes: Int) throws(LayoutError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try Self.parse(bytes)
        } catch {
            throw .corrupt("the header is no JSON: \(error)")
        }
        guard case .object(let object) = document, object["format"]?.integer == 1, let layoutJSON = object["layout"],
            case .array(let buffers) = object["buffers"]
        else { throw .corrupt("expected a header of format 1 with layout and buffers") }
        do throws(LayoutError) {
            layout = try LayoutNode(layoutJSON, .header)
        } catch {
            throw .corrupt("the header's layout is invalid: \(error)")
        }
        let wanted = layout.arrays
        guard buffers.count == wanted.count else {
            throw .corrupt("expected \(wanted.count) buffers for the layout, got \(buffers.count)")
        }
        var arrays: [ArrayBuffer] = []
        for (expected, found) in zip(wanted, buffers) {
            arrays.append(try Self.buffer(found, expected, inside: dataOffset..<totalBytes))
        }
        try Self.checkOverlap(arrays)
        self.arrays = arrays
        var attributes = JSONWriter()
        if let value = object["attrs"], case .object = value {
            attributes.value(value)
        } else {
            attributes.raw("{}")
        }
        attrs = attributes.finish().text
    }

    private static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        let result: Result<JSONValue, JSONError> = bytes.withUnsafeBytes { raw in
            Result { () throws(JSONError) in
                var reader = JSONReader(raw, maximumDepth: maximumDepth)
                let value = try reader.value()
                try reader.finish()
                return value
            }
        }
        return try result.get()
    }

    private static func buffer(
        _ json: JSONValue,
        _ expected: ArraySpecification,
        inside range: Range<Int>
    ) throws(LayoutError) -> ArrayBuffer {
        func require(_ holds: Bool, _ what: String) throws(LayoutError) {
            if !holds { throw .corrupt("the buffer \(quoted(expected.path)) of the header has \(what)") }
        }
        guard case .object(let object) = json else { throw .corrupt("expected a buffer as a JSON object") }
        try require(object["path"] == .string(expected.path), "another path")
        let dtype: DType
        do throws(LayoutError) {
            dtype = try DType(object["dtype"] ?? .null)
        } catch {
            throw .corrupt("the buffer \(quoted(expected.path)) of the header: \(error)")
        }
        try require(dtype == expected.dtype.bufferDType, "the dtype \(dtype), the layout says \(expected.dtype)")
        try require((try? extents(object["shape"] ?? .null)) == expected.shape, "another shape than the layout")
        let array = ArrayBuffer(
            path: expected.path,
            dtype: expected.dtype,
            shape: expected.shape,
            byteOffset: object["offset"]?.integer ?? -1
        )
        let strides: [Int?] =
            if case .array(let items) = object["strides"] { items.map(\.integer) } else { [nil] }
        try require(strides == array.byteStrides, "strides that are not those of a contiguous array in C order")
        try require(array.byteOffset >= range.lowerBound, "an offset before the data")
        try require(array.byteOffset % alignment == 0, "an offset that is no multiple of \(alignment)")
        try require(array.byteOffset <= range.upperBound, "an offset beyond the end")
        try require(array.byteCount <= range.upperBound - array.byteOffset, "bytes beyond the end")
        return array
    }

    private static func checkOverlap(_ arrays: [ArrayBuffer]) throws(LayoutError) {
        var end = 0
        for array in arrays.sorted(by: { ($0.byteOffset, $0.byteCount) < ($1.byteOffset, $1.byteCount) })
        where array.byteCount > 0 {
            if array.byteOffset < end { throw .corrupt("the buffer \(quoted(array.path)) overlaps another") }
            end = array.byteOffset + array.byteCount
        }
    }
}
