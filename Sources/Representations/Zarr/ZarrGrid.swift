internal import Layouts

/// How an array is cut into chunks: each is one run of the array's bytes in C order.
///
/// Trailing axes are whole, one axis is cut into blocks, and of the axes before it a chunk has one position each.
package struct ZarrGrid: Sendable {
    /// The array's extents.
    package let shape: [Int]
    /// Extents of a chunk, each 1 or more.
    package let chunkShape: [Int]

    /// A chunk has so many bytes at most, unless one element has more.
    static let targetBytes = 4 << 20

    /// Cuts an array; blocks are made even, so that little of the last one is padding.
    package init(shape: [Int], itemByteCount: Int) {
        self.shape = shape
        var chunk = shape.map { max($0, 1) }
        var run = max(itemByteCount, 1)
        for axis in chunk.indices.reversed() {
            let limit = max(Self.targetBytes / run, 1)
            if chunk[axis] > limit {
                let blocks = (chunk[axis] - 1) / limit + 1
                chunk[axis] = (chunk[axis] - 1) / blocks + 1
                for outer in 0..<axis { chunk[outer] = 1 }
                break
            }
            run *= chunk[axis]
        }
        chunkShape = chunk
    }

    /// How many chunks there are along each axis.
    package var counts: [Int] { zip(shape, chunkShape).map { $0 == 0 ? 0 : ($0 - 1) / $1 + 1 } }

    /// How many elements a chunk has, the padding included.
    var chunkCount: Int { chunkShape.reduce(1, *) }

    /// The part of the array that a chunk holds; nil where there is no such chunk.
    package func chunk(at place: [Int]) -> ZarrChunk? {
        guard place.count == shape.count, zip(place, counts).allSatisfy({ (0..<$1).contains($0) }) else { return nil }
        let starts = zip(place, chunkShape).map { $0 * $1 }
        let extents = zip(starts, zip(shape, chunkShape)).map { min($1.1, $1.0 - $0) }
        let first = zip(starts, shape).reduce(0) { $0 * $1.1 + $1.0 }
        return ZarrChunk(firstElement: first, elementCount: extents.reduce(1, *), paddedCount: chunkCount)
    }
}

/// A chunk: a run of the elements of its array in C order, and padding behind them.
package struct ZarrChunk: Sendable, Equatable {
    /// The number of its first element.
    package let firstElement: Int
    /// How many elements are the array's.
    package let elementCount: Int
    /// How many elements the chunk has, padding included.
    package let paddedCount: Int
}
