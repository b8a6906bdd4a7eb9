internal import Layouts
internal import Segments

/// The packed bytes of several parts in one private copy, each on a multiple of 64 bytes behind a prefix.
struct PartsCopy: ~Copyable {
    private let memory: PrivateCopy
    private let offsets: [Int]

    /// Takes memory for parts; a single part stands right behind the prefix.
    init(
        _ parts: ExcerptParts,
        prefix: [UInt8] = [],
        pool: SnapshotPool,
        _ reservation: MemoryReservation?
    ) throws(Problem) {
        var offsets: [Int] = []
        var next = 0
        for (_, selection) in parts.parts {
            next = roundUp(next, to: 64)
            offsets.append(next)
            next += selection.region.byteCount
        }
        self.offsets = offsets
        memory = try PrivateCopy(prefix: prefix, byteCount: next, pool: pool, reservation)
    }

    /// Where a part's bytes begin.
    func place(_ part: Int) -> UnsafeMutableRawPointer { memory.data + offsets[part] }

    /// Where every part's bytes begin.
    var places: [UnsafeMutableRawPointer] { offsets.map { memory.data + $0 } }

    /// What has to be copied where.
    func snapshotParts(_ parts: ExcerptParts) -> [SnapshotPart] {
        zip(parts.parts, offsets).map { SnapshotPart($0.selection.region, into: memory.data + $1) }
    }

    /// The memory as the body of an answer; nothing is copied.
    consuming func body() -> PrivateCopy { memory }
}
