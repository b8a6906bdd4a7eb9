internal import Documents
internal import Layouts
internal import Locks
internal import Representations
internal import Segments
internal import Synchronization

/// A segment that the gateway has open, with its header read.
final class OpenSegment: Sendable {
    let segment: Segment
    let header: SegmentHeader
    private let indexes = Locked<[Int: LabelIndex]>([:])
    private let knownHierarchy = Locked<ZarrNode?>(nil)
    /// What it was described as.
    let lastDescription = LastDescription()
    private let knownTexts = Locked<(layout: [UInt8], buffers: [UInt8])?>(nil)

    init(_ segment: Segment) throws {
        self.segment = segment
        header = try SegmentHeader(of: segment)
    }

    /// The labels whose first array has a number, ready to be searched; what was found out about them stays known.
    func index(_ contents: LabelContents, _ firstArray: Int) -> LabelIndex {
        let count = contents.labels.arrayCount
        if count == 0 { return LabelIndex(contents, buffers: [], of: segment) }
        return indexes.withLock { indexes in
            if let known = indexes[firstArray] { return known }
            let buffers = Array(header.arrays[firstArray..<(firstArray + count)])
            let index = LabelIndex(contents, buffers: buffers, of: segment)
            indexes[firstArray] = index
            return index
        }
    }

    /// The segment as a Zarr hierarchy; made at the first call, which reads all labels that are texts.
    ///
    /// Without leave to block that is a ``Deferral`` where it may take long.
    func hierarchy(_ context: RequestContext) throws -> ZarrNode {
        if let known = knownHierarchy.withLock({ $0 }) { return known }
        let bytes = header.arrays.reduce(0) { $0 + ($1.path.hasSuffix("/bytes") ? $1.byteCount : 0) }
        try context.leaveEventThread(for: (header.arrays.count * 1_024).addingClamped(bytes.multipliedClamped(by: 16)))
        let made = try ZarrNode(header.layout, attrs: header.attrs) { try self.index($0, $1).longestText() }
        knownHierarchy.withLock { $0 = made }
        return made
    }

    /// Layout and buffers as JSON, which never change; kept where they are short, as most are.
    var fixedTexts: (layout: [UInt8], buffers: [UInt8]) {
        if let known = knownTexts.withLock({ $0 }) { return known }
        var layout = JSONWriter()
        header.layout.write(to: &layout)
        var buffers = JSONWriter()
        header.arrays.write(to: &buffers)
        let texts = (layout.finish().withUnsafeBytes { Array($0) }, buffers.finish().withUnsafeBytes { Array($0) })
        if texts.0.count + texts.1.count <= Self.keptTextBytes { knownTexts.withLock { $0 = texts } }
        return texts
    }

    /// Thousands of segments may be open.
    private static let keptTextBytes = 1 << 10

    /// Makes excerpts of the members.
    var maker: ExcerptMaker { ExcerptMaker(arrays: header.arrays) { self.index($0, $1) } }

    /// Whether selections, by the numbers of their arrays, cover everything that can be written.
    func coversWhole(_ covered: [Int: Selection]) -> Bool {
        covered.values.allSatisfy(\.coversWhole) && header.layout.writableArrays.allSatisfy { covered[$0] != nil }
    }

    /// Carries a prepared write out, if the condition holds under the lock; gives the sequence after it.
    func commit(
        _ write: PreparedWrite,
        if condition: WriteCondition,
        until deadline: Deadline
    ) throws(SegmentError) -> UInt64 {
        try segment.withWriteLock(until: deadline) { lock throws(SegmentError) in
            try condition.check(tag(lock.sequence))
            return try lock.commit(write)
        }
    }

    /// The tag of a snapshot.
    func tag(_ sequence: UInt64) -> EntityTag { EntityTag(uuid: segment.uuid, sequence: sequence & ~1) }

    /// The tag of now, read under the lock.
    func tag() throws(SegmentError) -> EntityTag { tag(try segment.sequence()) }
}

/// The segments that the gateway has open, by name.
///
/// Opening and reading a header costs far more than a small read, so what was opened stays open until its name leads
/// elsewhere. Each use checks that: a file is judged by device, inode, owner, mode and the fixed bytes at its front.
final class Catalog: Sendable {
    let directory: SegmentDirectory
    /// Who gives pinned segments their names back; nil where somebody else does.
    let pins: PinKeeper?
    /// How much segments may take; nil for as much as there is.
    let budget: SegmentBudget?
    let attachments = Attachments()
    /// What clients asked for, and what that meant.
    let targets = KnownTargets()
    /// The room of the descriptions that are kept with the segments.
    let descriptions = KeptRoom(limit: 2 << 20)
    private let open = Locked<[SegmentName: OpenSegment]>([:])
    /// So many stay open: the kernel allows a process some 65,000 mappings.
    private static let limit = 16_384
    /// From here on a header is too large to be read on an event thread.
    private static let largeHeaderBytes = 64 << 10
    /// So many are looked at by one ``tidy()``.
    private static let tidyLimit = 1_024
    /// How many ``tidy()`` has looked at so far.
    private let tidied = Atomic(0)

    init(_ directory: SegmentDirectory, pins: PinKeeper?, budget: SegmentBudget? = nil) {
        self.budget = budget
        self.directory = directory
        self.pins = pins
    }

    /// What a GET of a segment answers now.
    func description(of open: OpenSegment) throws -> Description {
        try Description(open, restoration: pins?.restoration(of: open.segment))
    }

    /// The segment that a name leads to now.
    ///
    /// A large header is read for the first time by a worker: without leave to block that is a ``Deferral``.
    func segment(_ name: SegmentName, mayBlock: Bool = true) throws -> OpenSegment {
        if let known = open.withLock({ $0[name] }) {
            if try known.segment.isCurrent() { return known }
            forget(known)
        }
        let segment = try directory.load(name)
        if !mayBlock, segment.dataOffset > Self.largeHeaderBytes { throw Deferral() }
        let fresh = try OpenSegment(segment)
        // What is let go here is unmapped behind the lock.
        var dropped: [OpenSegment?] = []
        open.withLock { open in
            if open.count >= Self.limit {
                for name in open.keys.prefix(Self.limit / 8) { dropped.append(open.removeValue(forKey: name)) }
            }
            dropped.append(open.updateValue(fresh, forKey: name))
        }
        withExtendedLifetime(dropped) {}
        return fresh
    }

    /// Lets go of one segment, whatever its name leads to now.
    private func forget(_ segment: OpenSegment) {
        open.withLock { if $0[segment.segment.name] === segment { $0[segment.segment.name] = nil } }
        targets.forget(segment)
    }

    /// Lets go of segments whose name leads elsewhere or nowhere, for their memory is not free before.
    ///
    /// Looks at some of them each time it is called, so that it is cheap however many are open.
    func tidy() {
        targets.tidy { segment in open.withLock { $0[segment.segment.name] } === segment }
        let known = open.withLock { Array($0) }
        if known.isEmpty { return }
        let count = min(known.count, Self.tidyLimit)
        let start = tidied.wrappingAdd(count, ordering: .relaxed).oldValue
        for turn in start..<(start + count) {
            let (_, segment) = known[turn % known.count]
            if (try? segment.segment.isCurrent()) != true { forget(segment) }
            segment.lastDescription.dropIdle()
        }
    }

    /// Lets go of a name that was taken away.
    func forget(_ name: SegmentName) {
        if let known = open.withLock({ $0.removeValue(forKey: name) }) { targets.forget(known) }
    }
}
