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

    private enum Memory {
        case heap(HeapMemory)
        case pooled(SnapshotMemory)
    }

    /// From here on memory comes from the pool.
    private static let pooledFrom = 4 << 20

    init(prefix: [UInt8], byteCount: Int, pool: SnapshotPool) throws(Problem) {
        self.byteCount = prefix.count + byteCount
        let base: UnsafeMutableRawPointer
        if self.byteCount >= Self.pooledFrom, let pooled = pool.take(self.byteCount),
            let first = pooled.bytes.baseAddress
        {
            memory = .pooled(pooled)
            base = first
        } else if self.byteCount < Self.pooledFrom, let heap = HeapMemory(self.byteCount) {
            memory = .heap(heap)
            base = heap.base
        } else {
            throw Problem(.busy, "no memory for a snapshot of \(byteCount) bytes")
        }
        data = base + prefix.count
        prefix.withUnsafeBytes { if let first = $0.baseAddress { base.copyMemory(from: first, byteCount: $0.count) } }
    }

    /// The memory as the body of an answer; nothing is copied.
    consuming func body() -> Response.Body {
        switch memory {
        case .heap(let heap): .allocated(UnsafeMutableRawBufferPointer(start: heap.giveAway(), count: byteCount))
        case .pooled(let pooled): .pinned(UnsafeRawBufferPointer(pooled.bytes), owner: pooled)
        }
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
