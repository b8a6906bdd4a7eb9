extension Segment {
    /// Declares the bytes as they are to be good: clears `damaged`, which a local writer's death or failure had set.
    ///
    /// Not one byte of the buffers changes; `interrupted_writes` keeps its count. A dead writer that nobody has found yet
    /// is recovered first. Returns the sequence, which has grown by 2 where there was damage to clear. `condition` is
    /// called under the lock with the sequence before, and may refuse. A writer who keeps the lock until the deadline is
    /// ``SegmentError/busy(_:)``. Not to be called with the write lock held.
    @discardableResult
    public func repair(
        until deadline: Deadline = .never,
        if condition: (UInt64) throws(SegmentError) -> Void = { _ throws(SegmentError) in }
    ) throws(SegmentError) -> UInt64 {
        try withWriteLock(until: deadline) { lock throws(SegmentError) in
            try condition(lock.sequence)
            if try isDamaged() {
                try lock.describe { () throws(SegmentError) in try store(0, at: ControlWord.damaged) }
            }
            return lock.sequence
        }
    }
}
