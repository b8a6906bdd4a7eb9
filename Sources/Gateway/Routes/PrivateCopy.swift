internal import Glibc
internal import MicroHTTP
internal import Segments

/// Private memory that a snapshot is copied into, with room for a header before it: small ones from `malloc`, large
/// ones from the pool.
struct PrivateCopy: ~Copyable {
    private let memory: Memory
    private let byteCount: Int
    /// Where the snapshot goes.
    let data: UnsafeMutableRawPointer
    private let reservation: MemoryReservation?

    private enum Memory {
        case heap(HeapMemory)
        case pooled(SnapshotMemory)
    }

    /// From here on memory comes from the pool.
    static let pooledFrom = 2 << 20
    /// Up to here nobody counts.
    static let countedFrom = 64 << 10

    /// Takes memory that the request has reserved.
    init(prefix: [UInt8], byteCount: Int, pool: SnapshotPool, _ reservation: MemoryReservation?) throws(Problem) {
        let total = prefix.count + byteCount
        let (memory, base) = try Self.take(total, from: pool)
        prefix.withUnsafeBytes { if let first = $0.baseAddress { base.copyMemory(from: first, byteCount: $0.count) } }
        self.byteCount = total
        self.reservation = reservation
        self.memory = memory
        data = base + prefix.count
    }

    private static func take(_ count: Int, from pool: SnapshotPool) throws(Problem) -> (Memory, UnsafeMutableRawPointer)
    {
        if count < pooledFrom {
            if let heap = HeapMemory(count) { return (.heap(heap), heap.base) }
        } else if let pooled = pool.take(count), let base = pooled.bytes.baseAddress {
            return (.pooled(pooled), base)
        }
        throw Problem(.busy, "no memory for a snapshot of \(count) bytes")
    }

    /// What keeps the memory, and its reservation, for as long as it lives itself.
    consuming func owner() -> AnyObject {
        switch memory {
        case .heap(let heap): Counted(heap, reservation)
        case .pooled(let pooled): Counted(pooled, reservation)
        }
    }

    /// The memory as the body of an answer; nothing is copied.
    consuming func body() -> Response.Body {
        switch memory {
        case .heap(let heap) where reservation == nil:
            .allocated(UnsafeMutableRawBufferPointer(start: heap.giveAway(), count: byteCount))
        case .heap(let heap):
            .pinned(UnsafeRawBufferPointer(start: heap.base, count: byteCount), owner: Counted(heap, reservation))
        case .pooled(let pooled): .pinned(UnsafeRawBufferPointer(pooled.bytes), owner: Counted(pooled, reservation))
        }
    }
}

/// Memory and what it took of a budget: both go when the last byte is out.
final class Counted {
    private let memory: AnyObject
    private let reservation: MemoryReservation?

    init(_ memory: AnyObject, _ reservation: MemoryReservation?) {
        self.memory = memory
        self.reservation = reservation
    }
}

extension MemoryBudget {
    /// Takes all that a request needs, at once, so that it never waits for itself; little needs nothing.
    ///
    /// Says `busy` if it is not to be had, which on an event thread moves the request to a worker.
    func require(_ byteCount: Int, until deadline: Deadline) throws -> MemoryReservation? {
        if byteCount < PrivateCopy.countedFrom { return nil }
        if let reservation = reserve(byteCount, until: deadline) { return reservation }
        throw SegmentError.busy(
            "expected room for \(byteCount) bytes of answers in flight, \(limit) are in use or waited for"
        )
    }
}

/// Memory from `malloc`, freed with its holder unless it was given away.
private final class HeapMemory {
    let base: UnsafeMutableRawPointer
    private var isOwned = true

    init?(_ count: Int) {
        guard let base = malloc(max(count, 1)) else { return nil }
        self.base = base
    }

    deinit { if isOwned { free(base) } }

    func giveAway() -> UnsafeMutableRawPointer {
        isOwned = false
        return base
    }
}
