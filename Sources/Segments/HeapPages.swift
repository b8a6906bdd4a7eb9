internal import CSegment

/// What C's allocator keeps of memory that was freed.
package enum HeapPages {
    /// Gives it back to the machine, if it is much.
    ///
    /// Each thread that ever made a large text or copy has a heap of its own, which keeps the largest that it needed: a few
    /// readers of a frame of 4 MB left 90 MB behind. To look costs microseconds, to give back a few milliseconds; so that is
    /// done when more has become free since the last time, for what is free between what is in use stays counted as free.
    ///
    /// One thread calls this.
    package static func giveBack() {
        shmgate_give_back_heap(most)
    }

    /// So many free bytes stay, for the next ones.
    private static let most = 16 << 20
}
