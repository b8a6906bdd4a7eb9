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
            } catch .corrupt {
                return try unlinkCorrupt(name, until: deadline, if: condition)
            } catch .unsupportedFormat {
                return try unlinkCorrupt(name, until: deadline, if: condition)
            }
            do throws(SegmentError) {
                return try segment.withWriteLock(until: deadline) { lock throws(SegmentError) in
                    try condition(segment)
                    try lock.setState(.unlinked)
                    guard unlinkat(descriptor, name.description, 0) == 0 else {
                        let error = SystemError("unlinkat")
                        try lock.setState(.live)
                        throw .from(error, name: name.description)
                    }
                    Failpoint.pass("unlink of the name")
                    dropPin(of: segment)
                }
            } catch .replaced {
                continue
            }
        }
    }

    /// Nothing in the page can be trusted, not even where its words are; the lock's bytes can.
    private func unlinkCorrupt(
        _ name: SegmentName,
        until deadline: Deadline,
        if condition: (Segment?) throws(SegmentError) -> Void
    ) throws(SegmentError) {
        let file: FileDescriptor
        switch FileDescriptor.open(name.description, in: descriptor, flags: O_RDWR) {
        case .success(let number): file = FileDescriptor(owning: number)
        case .failure(let error): throw .from(error, name: name.description)
        }
        try lockSegment(file.number, exclusive: true, until: deadline)
        guard case .success(let mine) = file.status(), let now = try status(of: name), now.isSameFile(as: mine) else {
            throw .busy("the segment \(name) was replaced while it was unlinked")
        }
        // What was read before the lock may be another's file by now; without the magic it is nothing of ours.
        guard file.bytes(0..<ControlPage.magic.count) == ControlPage.magic else {
            throw .noSuchSegment(name.description)
        }
        try condition(nil)
        guard unlinkat(descriptor, name.description, 0) == 0 else {
            throw .from(SystemError("unlinkat"), name: name.description)
        }
        Failpoint.pass("unlink of the corrupt segment's name")
        dropPins(of: name, leadingTo: mine)
    }
}
