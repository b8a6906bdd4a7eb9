internal import Glibc
internal import Layouts
internal import Segments

/// The packed bytes of several parts in one private copy, each on a multiple of 64 bytes behind a prefix.
struct PartsCopy: ~Copyable {
    private let memory: PrivateCopy
    private let offsets: [Int]
    private let counts: [Int]

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
        counts = parts.parts.map(\.selection.region.byteCount)
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

    /// The bytes of all parts, one behind the other.
    var packed: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(counts.reduce(0, +))
        for (offset, count) in zip(offsets, counts) {
            bytes += UnsafeRawBufferPointer(start: memory.data + offset, count: count)
        }
        return bytes
    }

    /// Whether these are the bytes of all parts, one behind the other.
    func isEqual(to packed: UnsafeRawBufferPointer) -> Bool {
        var next = 0
        for (offset, count) in zip(offsets, counts) {
            guard count <= packed.count - next else { return false }
            if count > 0, let base = packed.baseAddress, memcmp(memory.data + offset, base + next, count) != 0 {
                return false
            }
            next += count
        }
        return next == packed.count
    }

    /// The memory as the body of an answer; nothing is copied.
    consuming func body() -> PrivateCopy { memory }
}
