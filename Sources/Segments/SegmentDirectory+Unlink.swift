internal import CSegment
internal import Glibc

extension SegmentDirectory {
    /// Takes a segment's name away; mappings that exist stay valid and see state 2.
    ///
    /// `condition` is called with the segment under its lock and may refuse. A file with the magic whose header is
    /// corrupt, or of a format that is not known, is unlinked as well; `condition` then gets nil. The pin goes with it.
    public func unlink(
        _ name: SegmentName,
        until deadline: Deadline,
        if condition: (Segment?) throws(SegmentError) -> Void = { _ throws(SegmentError) in }
    ) throws(SegmentError) {
        while true {
            let segment: Segment
            do throws(SegmentError) {
                segment = try load(name)
            } catch  where error.isOfTheFile {
                if try unlinkUnreadable(name, until: deadline, if: condition) { return }
                continue
            }
            do throws(SegmentError) {
                return try segment.takeNameAway(until: deadline) { () throws(SegmentError) in try condition(segment) }
            } catch .replaced {
                continue
            }
        }
    }

    private func unlinkUnreadable(
        _ name: SegmentName,
        until deadline: Deadline,
        if condition: (Segment?) throws(SegmentError) -> Void
    ) throws(SegmentError) -> Bool {
        try withLockOfUnreadable(name, until: deadline) { file throws(SegmentError) in
            try condition(nil)
            guard unlinkat(descriptor, name.description, 0) == 0 else {
                throw .from(SystemError("unlinkat"), name: name.description)
            }
            Failpoint.pass("unlink of the corrupt segment's name")
            dropPins(of: name, leadingTo: file)
        }
    }
}
