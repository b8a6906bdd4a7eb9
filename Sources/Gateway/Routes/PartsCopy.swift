internal import Glibc
internal import Layouts
internal import Representations
internal import Segments

/// The packed bytes of several parts in one private copy: each on a multiple of 64 bytes behind a prefix, or where an
/// outline has their elements.
struct PartsCopy: ~Copyable {
    private let memory: PrivateCopy
    private let regions: [Region]
    private let offsets: [Int]
    private let counts: [Int]
    /// What each region is where it is not a part: the elements of a part that stand in one piece of a stream.
    private let runs: [ArrowOutline.Run]?

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
        runs = nil
        regions = parts.parts.map(\.selection.region)
        counts = regions.map(\.byteCount)
        memory = try PrivateCopy(prefix: prefix, byteCount: next, pool: pool, reservation)
    }

    /// Takes memory for a whole stream, all of which is there but the elements.
    init(
        _ outline: ArrowOutline,
        of parts: ExcerptParts,
        pool: SnapshotPool,
        _ reservation: MemoryReservation?
    ) throws(Problem) {
        runs = outline.runs
        regions = outline.runs.map { parts.parts[$0.part].selection.region.rows($0.rows) }
        offsets = outline.runs.map(\.offset)
        counts = regions.map(\.byteCount)
        memory = try PrivateCopy(prefix: [], byteCount: outline.byteCount, pool: pool, reservation)
        outline.store(to: memory.data)
    }

    /// Where a part's bytes begin.
    func place(_ part: Int) -> UnsafeMutableRawPointer {
        precondition(runs == nil, "the elements of a part stand in one piece")
        return memory.data + offsets[part]
    }

    /// Where every part's bytes begin.
    var places: [UnsafeMutableRawPointer] {
        precondition(runs == nil, "the elements of a part stand in one piece")
        return offsets.map { memory.data + $0 }
    }

    /// What has to be copied where.
    var snapshotParts: [SnapshotPart] {
        zip(regions, offsets).map { SnapshotPart($0, into: memory.data + $1) }
    }

    /// The bytes of all parts, one behind the other.
    var packed: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(counts.reduce(0, +))
        var order = Array(offsets.indices)
        if let runs {
            order.sort { (runs[$0].part, runs[$0].rows.lowerBound) < (runs[$1].part, runs[$1].rows.lowerBound) }
        }
        for region in order {
            bytes += UnsafeRawBufferPointer(start: memory.data + offsets[region], count: counts[region])
        }
        return bytes
    }

    /// The memory as the body of an answer; nothing is copied.
    consuming func body() -> PrivateCopy { memory }
}

extension ExcerptParts {
    /// What has to be copied to have the bytes of all parts, one behind the other.
    func snapshotParts(into memory: UnsafeMutableRawPointer) -> [SnapshotPart] {
        var next = memory
        return parts.map { part in
            defer { next += part.selection.region.byteCount }
            return SnapshotPart(part.selection.region, into: next)
        }
    }
}
