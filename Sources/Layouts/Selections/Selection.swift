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
        let items = try Self.expand(slice, rank: array.shape.count)
        let strides = array.byteStrides
        var offset = array.byteOffset
        var axes: [Region.Axis] = []
        var coversWhole = true
        for (axis, item) in items.enumerated() {
            let extent = array.shape[axis]
            let stride = strides[axis]
            switch item {
            case .index(let index):
                let position = try Self.position(index, extent: extent, axis: axis)
                offset += position * stride
                if extent != 1 { coversWhole = false }
            case .list(let indices):
                var table: [Int] = []
                table.reserveCapacity(indices.count)
                for index in indices { table.append(try Self.position(index, extent: extent, axis: axis) * stride) }
                axes.append(Region.Axis(count: indices.count, byteStride: 0, byteOffsets: table))
                coversWhole = false
            case .range(let start, let stop, let step):
                let range = Self.range(start: start, stop: stop, step: step ?? 1, extent: extent)
                offset += range.count > 0 ? range.first * stride : 0
                axes.append(Region.Axis(count: range.count, byteStride: range.step * stride))
                if range.count != extent { coversWhole = false }
            case .ellipsis: preconditionFailure("an ellipsis was expanded")
            }
        }
        region = Region(byteOffset: offset, itemByteCount: array.dtype.byteCount, axes: axes)
        shape = axes.map(\.count)
        self.coversWhole = coversWhole
    }

    /// One item for each axis.
    private static func expand(_ slice: Slice, rank: Int) throws(LayoutError) -> [Slice.Item] {
        let whole = Slice.Item.range(start: nil, stop: nil, step: nil)
        let given = slice.items.count { $0 != .ellipsis }
        if given > rank {
            throw .invalidSlice("too many indices: the array has \(rank) axes, the slice has \(given) indices")
        }
        let left = [Slice.Item](repeating: whole, count: rank - given)
        guard let gap = slice.items.firstIndex(of: .ellipsis) else { return slice.items + left }
        return slice.items[..<gap] + left + slice.items[(gap + 1)...]
    }

    private static func position(_ index: Int, extent: Int, axis: Int) throws(LayoutError) -> Int {
        let position = index < 0 ? index + extent : index
        guard (0..<extent).contains(position) else {
            throw .indexOutOfBounds("index \(index) is out of bounds for axis \(axis) with size \(extent)")
        }
        return position
    }

    /// Python's rule for `slice.indices`.
    private static func range(
        start: Int?,
        stop: Int?,
        step: Int,
        extent: Int
    ) -> (first: Int, count: Int, step: Int) {
        let low = step < 0 ? -1 : 0
        let high = step < 0 ? extent - 1 : extent
        func clamp(_ bound: Int?, default value: Int) -> Int {
            guard let bound else { return value }
            return min(max(bound < 0 ? bound + extent : bound, low), high)
        }
        let first = clamp(start, default: step < 0 ? high : low)
        let end = clamp(stop, default: step < 0 ? low : high)
        let distance = step < 0 ? first - end : end - first
        if distance <= 0 { return (0, 0, 0) }
        let stride = step < 0 ? (step == Int.min ? Int.max : -step) : step
        let count = (distance - 1) / stride + 1
        return (first, count, count == 1 ? 0 : step)
    }
}
