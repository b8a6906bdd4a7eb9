package import Documents

/// The header of a segment: its layout, the arrays that live in it, and the user's attributes.
package struct SegmentHeader: Sendable {
    /// What the bytes mean.
    package let layout: LayoutNode
    /// Every array, in the order of the layout.
    package let arrays: [ArrayBuffer]
    /// The attributes as JSON text, always an object.
    package let attrs: String

    /// How deep a header may nest: layouts that nest 32 deep fit.
    package static let maximumDepth = 68
    /// How deep attributes may nest.
    package static let maximumAttributeDepth = 63
    /// The most bytes of its JSON.
    package static let maximumByteCount = 16 << 20
    /// Where a buffer may begin.
    static let alignment = 64
    /// Bytes of a page.
    static let pageBytes = 4096

    /// Lays a new segment out: gives every array its place.
    package init(layout: LayoutNode, attrs: String) throws(LayoutError) {
        self.layout = layout
        self.attrs = attrs
        var dataOffset = Self.pageBytes * 2
        while true {
            let arrays = try Self.place(layout.arrays, from: dataOffset)
            let json = Self.json(layout, arrays, attrs)
            let needed = (Self.pageBytes + json.count + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
            if needed <= dataOffset {
                self.arrays = arrays
                try Self.check(json)
                return
            }
            dataOffset = needed
        }
    }

    /// Refuses a header that nobody could read again.
    private static func check(_ json: borrowing ByteBuffer) throws(LayoutError) {
        guard json.count <= maximumByteCount else {
            throw .invalidLayout("expected a header of at most \(maximumByteCount) bytes, got \(json.count)")
        }
        do throws(JSONError) {
            try json.withUnsafeBytes { bytes throws(JSONError) in
                var reader = JSONReader(bytes, maximumDepth: maximumDepth)
                _ = try reader.skip()
            }
        } catch {
            throw .invalidLayout("expected a header that nests at most \(maximumDepth) deep: \(error)")
        }
    }

    /// Bytes from the first buffer's page to the end of the last buffer.
    package var dataBytes: Int {
        guard let first = arrays.first else { return 0 }
        return arrays.reduce(0) { max($0, $1.byteOffset + $1.byteCount) } - first.byteOffset
    }

    /// The header as it stands in the file.
    package var json: ByteBuffer { Self.json(layout, arrays, attrs) }

    private static func place(_ wanted: [ArraySpecification], from start: Int) throws(LayoutError) -> [ArrayBuffer] {
        var arrays: [ArrayBuffer] = []
        var offset = start
        for array in wanted {
            guard let byteCount = product(array.shape, times: array.dtype.byteCount), byteCount < Int.max / 4,
                offset < Int.max / 4
            else { throw .invalidLayout("expected a segment that a machine can hold, got a larger one") }
            arrays.append(
                ArrayBuffer(path: array.path, dtype: array.dtype, shape: array.shape, byteOffset: offset)
            )
            offset = (offset + byteCount + alignment - 1) / alignment * alignment
        }
        return arrays
    }

    private static func json(_ layout: LayoutNode, _ arrays: [ArrayBuffer], _ attrs: String) -> ByteBuffer {
        var json = JSONWriter()
        json.beginObject()
        json.key("format")
        json.integer(1)
        json.key("layout")
        layout.write(to: &json)
        json.key("buffers")
        arrays.write(to: &json)
        json.key("attrs")
        json.raw(attrs)
        json.endObject()
        return json.finish()
    }
}

extension [ArrayBuffer] {
    /// Writes the flat list of buffers as headers and descriptions have it.
    package func write(to json: inout JSONWriter) {
        json.beginArray()
        for array in self {
            json.beginObject()
            json.key("path")
            json.string(array.path)
            json.key("dtype")
            array.dtype.bufferDType.write(to: &json)
            json.key("shape")
            json.shape(array.shape)
            json.key("strides")
            json.shape(array.byteStrides)
            json.key("offset")
            json.integer(Int64(array.byteOffset))
            json.endObject()
        }
        json.endArray()
    }
}
