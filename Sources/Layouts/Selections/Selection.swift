public import Segments

/// What a request picks of one array: where its bytes are, and the shape that they have.
public struct Selection: Sendable {
    /// The place of the elements, in the order that the result has them.
    public let region: Region
    /// The extents of the result; an integer index has dropped its axis.
    public let shape: [Int]
    /// Whether every element of the array is picked.
    public let coversWhole: Bool

    /// The number of elements.
    public var count: Int { region.count }

    /// Applies a slice to an array, as NumPy does; index lists work on their own axis, as xarray's do.
    public init(_ slice: Slice, of array: ArrayBuffer) throws(LayoutError) {
        let picks = try slice.picks(of: array.shape)
        // Nothing fits everywhere, however long the axes beside the empty one are.
        let counts = picks.compactMap(\.count)
        guard counts.contains(0) || product(counts, times: array.dtype.byteCount) != nil else {
            throw .invalidSlice("expected a slice that picks what a machine can hold, got more")
        }
        self.init(picks, of: array)
    }

    /// What one pick for each axis picks of an array; positions lie inside their axes.
    package init(_ picks: [AxisPick], of array: ArrayBuffer) {
        precondition(picks.count == array.shape.count, "every axis has its pick")
        // Where nothing is picked there is no place to compute, and extents may be vast.
        let isEmpty = array.shape.contains(0) || picks.contains { $0.count == 0 }
        let strides = isEmpty ? [Int](repeating: 0, count: picks.count) : array.byteStrides
        var offset = array.byteOffset
        var axes: [Region.Axis] = []
        var coversWhole = true
        for (axis, pick) in picks.enumerated() {
            let stride = strides[axis]
            switch pick {
            case .position(let position): offset += position * stride
            case .list(let positions):
                axes.append(
                    Region.Axis(count: positions.count, byteStride: 0, byteOffsets: positions.map { $0 * stride })
                )
            case .range(let first, let count, let step):
                offset += count > 0 ? first * stride : 0
                axes.append(Region.Axis(count: count, byteStride: count > 1 ? step * stride : 0))
            }
            coversWhole = coversWhole && pick.coversWhole(array.shape[axis])
        }
        region = Region(byteOffset: offset, itemByteCount: array.dtype.byteCount, axes: axes)
        shape = axes.map(\.count)
        self.coversWhole = coversWhole
    }
}
