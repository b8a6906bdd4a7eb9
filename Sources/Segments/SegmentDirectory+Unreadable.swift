internal import Glibc

extension SegmentDirectory {
    /// Runs `body` with the exclusive lock of a file that has the magic and still cannot be read as a segment.
    ///
    /// Nothing in its page can be trusted, not even where its words are; the lock's bytes can. False, and `body` did not
    /// run, if the name leads to another file by now: start again by name. A file without the magic is none of ours,
    /// and ``SegmentError/noSuchSegment(_:)``.
    func withLockOfUnreadable(
        _ name: SegmentName,
        until deadline: Deadline,
        _ body: (FileStatus) throws(SegmentError) -> Void
    ) throws(SegmentError) -> Bool {
        let file: FileDescriptor
        switch FileDescriptor.open(name.description, in: descriptor, flags: O_RDWR) {
        case .success(let number): file = FileDescriptor(owning: number)
        case .failure(let error): throw .from(error, name: name.description)
        }
        try lockSegment(file.number, exclusive: true, until: deadline)
        guard case .success(let mine) = file.status(), let now = try status(of: name), now.isSameFile(as: mine) else {
            return false
        }
        // What was read before the lock may be another's file by now.
        guard file.bytes(0..<ControlPage.magic.count) == ControlPage.magic else {
            throw .noSuchSegment(name.description)
        }
        try body(mine)
        return true
    }
}

extension SegmentError {
    /// Whether the file has the magic and cannot be read all the same.
    var isOfTheFile: Bool {
        switch self {
        case .corrupt, .unsupportedFormat: true
        default: false
        }
    }
}
