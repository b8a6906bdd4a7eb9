internal import Glibc

/// The segments of a directory and what they take, whoever made them, as they were at the last look.
///
/// A file counts if it begins as segments do, corrupt ones too, and with its size: that much memory whoever maps it can
/// take without asking anybody, whether it has its pages already or not. So does a file of this user's that this user
/// may not read, for a mode must not hide what was made. Whoever has it holds a lock.
struct SegmentCensus {
    private struct Entry {
        let device: UInt64
        let inode: UInt64
        let bytes: Int

        init(_ status: FileStatus) {
            device = status.device
            inode = status.inode
            bytes = status.size
        }

        var usage: SegmentUsage { SegmentUsage(bytes: bytes, count: 1) }

        func isSameFile(as other: Entry) -> Bool { device == other.device && inode == other.inode }
    }

    /// What the known ones take, for each of the limits.
    private(set) var used: [SegmentUsage]
    private let directory: SegmentDirectory
    private let limits: [SegmentLimit]
    private var known: [SegmentName: Entry] = [:]
    /// Files that were no segments, or not to be read, at the last look: they may become some, and nobody tells.
    private var doubtful: Set<SegmentName> = []
    /// Names that have to be looked at.
    private var changed: Set<SegmentName> = []
    private var owesAll = true

    /// Of a directory that nobody has looked at yet.
    init(_ directory: SegmentDirectory, limits: [SegmentLimit]) {
        self.directory = directory
        self.limits = limits
        used = limits.map { _ in SegmentUsage() }
    }

    /// What the segment of a name takes; nil if there is none.
    func bytes(of name: SegmentName) -> Int? { known[name]?.bytes }

    /// Whether little has changed, so that ``catchUp()`` takes some tens of system calls at most.
    var isNearlyThere: Bool { !owesAll && changed.count + doubtful.count <= 16 }

    /// Keeps in mind what has changed, until it is looked at.
    mutating func note(_ change: NameWatch.Change) {
        switch change {
        case .names(let names): changed.formUnion(names)
        case .everything: owesAll = true
        }
    }

    /// Looks at what has changed, and at what may have without a word; what a failure leaves out comes next time.
    mutating func catchUp() throws(SegmentError) {
        if owesAll {
            changed.formUnion(try directory.names())
            changed.formUnion(known.keys)
            owesAll = false
        }
        for name in changed.union(doubtful) {
            try look(at: name)
            changed.remove(name)
        }
    }

    private mutating func look(at name: SegmentName) throws(SegmentError) {
        guard let status = try directory.status(of: name), status.isRegular else { return forget(name) }
        let found = Entry(status)
        let isKnown = known[name]?.isSameFile(as: found) ?? false
        if isKnown, known[name]?.bytes == found.bytes { return }
        // Without a page of its own it has not become a segment meanwhile.
        if doubtful.contains(name), found.bytes < ControlPage.pageBytes { return }
        let isSegment =
            switch try directory.hasMagic(name) {
            case .some(let answer): answer
            case nil: isKnown || status.uid == geteuid()
            }
        forget(name)
        if isSegment { count(name, found) } else { doubtful.insert(name) }
    }

    private mutating func count(_ name: SegmentName, _ entry: Entry) {
        known[name] = entry
        for (number, limit) in limits.enumerated() where limit.covers(name) { used[number] += entry.usage }
    }

    private mutating func forget(_ name: SegmentName) {
        doubtful.remove(name)
        guard let entry = known.removeValue(forKey: name) else { return }
        for (number, limit) in limits.enumerated() where limit.covers(name) { used[number] -= entry.usage }
    }
}

extension SegmentDirectory {
    /// Whether a file begins as segments do; nil if its mode does not let this user look.
    ///
    /// What is gone, or no file any more, does not begin as anything: its change is told, and is looked at next.
    fileprivate func hasMagic(_ name: SegmentName) throws(SegmentError) -> Bool? {
        switch FileDescriptor.open(name.description, in: descriptor, flags: O_RDONLY) {
        case .success(let number):
            return FileDescriptor(owning: number).bytes(0..<ControlPage.magic.count) == ControlPage.magic
        case .failure(let error):
            switch SegmentError.from(error, name: name.description) {
            case .forbidden: return nil
            case .noSuchSegment: return false
            case let other: throw other
            }
        }
    }
}
