/// An array that lives in a segment: what its elements are and where they begin.
public struct ArrayBuffer: Sendable {
    /// Its name inside the layout, such as `values` or `coords/time`.
    public let path: String
    /// What the layout says of its elements.
    public let dtype: DType
    /// Its extents.
    public let shape: [Int]
    /// Bytes from the start of the segment.
    public let byteOffset: Int

    /// Bytes of all elements.
    public var byteCount: Int { shape.contains(0) ? 0 : shape.reduce(dtype.byteCount, *) }
    /// Bytes from one element to the next along each axis; C order, contiguous.
    public var byteStrides: [Int] { contiguousStrides(shape, itemByteCount: dtype.byteCount) }
}

/// An array that a layout asks for.
package struct ArraySpecification: Sendable {
    /// Its name inside the layout.
    package var path: String
    /// The type of its elements.
    package var dtype: DType
    /// Its extents.
    package var shape: [Int]
    /// What it begins with, in a request: labels, say; nil, and what is behind it, for zeros.
    package var contents: [UInt8]?

    /// The same array, its path below another.
    func below(_ prefix: String) -> ArraySpecification {
        var array = self
        array.path = prefix + path
        return array
    }
}
