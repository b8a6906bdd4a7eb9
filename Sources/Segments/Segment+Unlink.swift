extension Segment {
    /// Takes the name away from this segment, if it still leads here; mappings stay valid, this one too.
    ///
    /// A name that leads to another segment by now is ``SegmentError/replaced(_:)``, one that leads nowhere
    /// ``SegmentError/noSuchSegment(_:)``; a writer who keeps the lock until the deadline is
    /// ``SegmentError/busy(_:)``. Not to be called with the write lock held.
    public func unlink(until deadline: Deadline = .never) throws(SegmentError) {
        try directory.unlink(name, until: deadline) { other throws(SegmentError) in
            guard other?.uuid == uuid else { throw .replaced(name.description) }
        }
    }
}
