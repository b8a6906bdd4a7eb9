internal import Glibc

extension Segment {
    /// Takes the name away from this segment, if it still leads here; mappings stay valid, this one too.
    ///
    /// A name that leads to another segment by now is ``SegmentError/replaced(_:)``, one that leads nowhere
    /// ``SegmentError/noSuchSegment(_:)``; a writer who keeps the lock until the deadline is
    /// ``SegmentError/busy(_:)``. Not to be called with the write lock held.
    public func unlink(until deadline: Deadline = .never) throws(SegmentError) {
        do throws(SegmentError) {
            try directory.unlink(name, until: deadline) { other throws(SegmentError) in
                guard other?.uuid == uuid else { throw .preconditionFailed("the name leads to another segment") }
            }
        } catch .preconditionFailed {
            throw .replaced(name.description)
        }
    }
    /// Takes the name away under the write lock, and the pin with it, unless `condition` refuses.
    ///
    /// Whoever is interrupted in between leaves a segment that the next one to lock it makes live again.
    func takeNameAway(until deadline: Deadline, if condition: () throws(SegmentError) -> Void) throws(SegmentError) {
        try withWriteLock(until: deadline) { lock throws(SegmentError) in
            try condition()
            try lock.setState(.unlinked)
            guard unlinkat(directory.descriptor, name.description, 0) == 0 else {
                let error = SystemError("unlinkat")
                try lock.setState(.live)
                throw .from(error, name: name.description)
            }
            Failpoint.pass("unlink of the name")
            directory.dropPin(of: self)
        }
    }
}
