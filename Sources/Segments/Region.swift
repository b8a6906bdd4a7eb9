/// A part of a segment: elements of one size at the crossings of some axes.
///
/// In packed form its bytes stand in C order, the last axis fastest.
public struct Region: Sendable {
    /// One axis: `count` elements, `byteStride` bytes apart, or, where there is a table, at these byte offsets.
    public struct Axis: Sendable {
        /// How many elements.
        public var count: Int
        /// Bytes from one to the next; may be negative.
        public var byteStride: Int
        /// Bytes from the region's offset to each element; nil where a stride says it.
        public var byteOffsets: [Int]?

        /// An axis with a stride, or with a table of `count` offsets.
        public init(count: Int, byteStride: Int, byteOffsets: [Int]? = nil) {
            self.count = count
            self.byteStride = byteStride
            self.byteOffsets = byteOffsets
        }
    }

    /// The first element's place, in bytes from the start of the segment.
    public var byteOffset: Int
    /// Bytes of an element.
    public var itemByteCount: Int
    /// At most 64 of them, the outermost first.
    public var axes: [Axis]

    /// Elements of `itemByteCount` bytes at the crossings of `axes`.
    public init(byteOffset: Int, itemByteCount: Int, axes: [Axis]) {
        self.byteOffset = byteOffset
        self.itemByteCount = itemByteCount
        self.axes = axes
    }

    /// How many elements it has; an axis of none makes the others meaningless, however long they are.
    public var count: Int { isEmpty ? 0 : axes.reduce(1) { $0 * $1.count } }
    private var isEmpty: Bool { axes.contains { $0.count == 0 } }
    /// The size of its packed form.
    public var byteCount: Int { count * itemByteCount }

    /// How many pieces its bytes are in, as far as tables of offsets go, neighbours being one piece: a journal has a
    /// record for each of them.
    package var pieceCount: Int {
        guard !isEmpty, let last = axes.lastIndex(where: { $0.byteOffsets != nil }),
            let table = axes[last].byteOffsets
        else { return 1 }
        let step = axes[(last + 1)...].reduce(itemByteCount) { $0 * $1.count }
        let gaps = zip(table, table.dropFirst()).reduce(0) { $1.1 - $1.0 == step ? $0 : $0 + 1 }
        return axes[..<last].reduce(gaps + 1) { $0 * $1.count }
    }

    /// A run of its elements along the outermost axis, which it has.
    package func rows(_ rows: Range<Int>) -> Region {
        precondition(rows.upperBound <= axes[0].count, "a region has the rows that are asked for")
        var region = self
        region.axes[0].count = rows.count
        if let table = axes[0].byteOffsets {
            region.axes[0].byteOffsets = Array(table[rows])
        } else {
            region.byteOffset += rows.lowerBound * axes[0].byteStride
        }
        return region
    }

    /// The bytes that it is if they are one run in the order of its packed form; nil if it jumps.
    package var contiguousRange: Range<Int>? {
        if isEmpty { return byteOffset..<byteOffset }
        var run = itemByteCount
        for axis in axes.reversed() where axis.count != 1 || axis.byteOffsets != nil {
            guard axis.byteOffsets == nil, axis.byteStride == run else { return nil }
            run *= axis.count
        }
        return byteOffset..<(byteOffset + run)
    }

    /// The first byte that it touches and the first one after it; nil if it is empty.
    var extent: Range<Int>? {
        guard byteCount > 0 else { return nil }
        var low = byteOffset
        var high = byteOffset
        for axis in axes {
            if let table = axis.byteOffsets {
                low += table.min() ?? 0
                high += table.max() ?? 0
            } else {
                let reach = (axis.count - 1) * axis.byteStride
                if reach < 0 { low += reach } else { high += reach }
            }
        }
        return low..<(high + itemByteCount)
    }
}
