internal import CSegment
internal import Glibc
internal import Synchronization

/// What C's allocator keeps of memory that was freed.
package enum HeapPages {
    /// Gives it back to the machine, if it is much; tells whether it was.
    ///
    /// Each thread that ever made a large text or copy has a heap of its own, which keeps the largest that it needed: a few
    /// readers of a frame of 4 MB left 90 MB behind. To look costs microseconds, to give back a few milliseconds. Holes
    /// between what is in use count as free for ever, with their pages or without; so memory has to have grown since the
    /// last time, too.
    @discardableResult
    package static func giveBack() -> Bool {
        guard shmgate_free_heap() > most else { return false }
        let bytes = privateBytes
        let left = leftBytes.load(ordering: .relaxed)
        if bytes - left <= most {
            leftBytes.store(min(bytes, left), ordering: .relaxed)
            return false
        }
        shmgate_trim_heap()
        leftBytes.store(privateBytes, ordering: .relaxed)
        return true
    }

    /// So many free bytes stay, for the next ones.
    private static let most = 16 << 20
    /// What was resident behind the last time.
    private static let leftBytes = Atomic(0)

    /// Resident memory that is no page of a file.
    private static var privateBytes: Int {
        let pages = text(of: "/proc/self/statm").split(separator: " ").compactMap { Int($0) }
        return pages.count > 2 ? (pages[1] - pages[2]) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}
