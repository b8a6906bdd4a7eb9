internal import Glibc
internal import Locks

/// Private memory for a snapshot; goes back to its pool when the last holder lets go.
package final class SnapshotMemory: Sendable {
    private let block: MemoryBlock
    private let pool: SnapshotPool
    /// How many bytes were asked for.
    package let count: Int

    fileprivate init(_ block: MemoryBlock, count: Int, pool: SnapshotPool) {
        self.block = block
        self.count = count
        self.pool = pool
    }

    deinit { pool.giveBack(block) }

    /// The bytes; valid while this object is.
    package var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: block.address), count: count)
    }
}

/// Memory by its address, so that it may be handed between threads.
private struct MemoryBlock: Sendable {
    let address: UInt
    let capacity: Int

    /// Gives the memory back to the kernel.
    func unmap() { munmap(UnsafeMutableRawPointer(bitPattern: address), capacity) }
}

/// Large blocks of private memory that are used again.
///
/// Fresh memory costs the kernel more than the copy into it: it has to be zeroed, page by page. What has been idle for
/// a few seconds is given back.
package final class SnapshotPool: Sendable {
    private struct Idle {
        var block: MemoryBlock
        var sinceNs: Int64
    }

    private let idle = Locked<[Idle]>([])
    /// Blocks are multiples of this, which is also the size of a huge page.
    private static let granule = 2 << 20
    /// How much may be in use at once; who takes memory asks there first.
    package let budget: MemoryBudget

    /// An empty pool.
    package init(limit: Int) { budget = MemoryBudget(limit: limit) }

    /// Takes memory; nil if there is none.
    package func take(_ count: Int) -> SnapshotMemory? {
        guard count <= Int.max - Self.granule else { return nil }
        let capacity = max(roundUp(count, to: Self.granule), Self.granule)
        let used = idle.withLock { idle -> MemoryBlock? in
            // The best fit that does not waste more than it serves; the youngest of them has the warmest cache.
            guard
                let index = idle.indices.filter({ (capacity...2 * capacity).contains(idle[$0].block.capacity) })
                    .min(by: { idle[$0].block.capacity < idle[$1].block.capacity })
            else { return nil }
            return idle.remove(at: index).block
        }
        if used == nil { makeRoom() }
        guard let block = used ?? Self.map(capacity) else { return nil }
        return SnapshotMemory(block, count: count, pool: self)
    }

    /// Gives idle memory back to the kernel, the oldest first, until it stays in the budget beside what is in use.
    private func makeRoom() {
        let spareBytes = max(budget.limit - budget.usedBytes, 0)
        let dropped = idle.withLock { idle -> [Idle] in
            var byteCount = idle.reduce(0) { $0 + $1.block.capacity }
            var dropped: [Idle] = []
            while byteCount > spareBytes, !idle.isEmpty {
                dropped.append(idle.removeFirst())
                byteCount -= dropped[dropped.count - 1].block.capacity
            }
            return dropped
        }
        for entry in dropped { entry.block.unmap() }
    }

    /// Gives back to the kernel what nobody has used for so long.
    package func trim(idleForSeconds seconds: Int64 = 2) {
        let limitNs = Clock.monotonicNs() - seconds * 1_000_000_000
        let old = idle.withLock { idle -> [Idle] in
            let old = idle.filter { $0.sinceNs <= limitNs }
            idle.removeAll { $0.sinceNs <= limitNs }
            return old
        }
        for entry in old { entry.block.unmap() }
    }

    fileprivate func giveBack(_ block: MemoryBlock) {
        let nowNs = Clock.monotonicNs()
        let isKept = idle.withLock { idle -> Bool in
            guard idle.reduce(block.capacity, { $0 + $1.block.capacity }) <= budget.limit else { return false }
            idle.append(Idle(block: block, sinceNs: nowNs))
            return true
        }
        if !isKept { block.unmap() }
    }

    private static func map(_ capacity: Int) -> MemoryBlock? {
        let address = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else { return nil }
        madvise(address, capacity, MADV_HUGEPAGE)
        return MemoryBlock(address: UInt(bitPattern: address), capacity: capacity)
    }
}
