/// A write that only has to be carried out: its regions, their bytes, and its journal, made before the lock is taken.
public final class PreparedWrite: Sendable {
    let segment: Segment
    let coversWhole: Bool
    private let regions: [Region]
    private let bytes: ByteSource
    private let journal: Journal

    /// Prepares to write packed `bytes` into `regions`, one after the other.
    ///
    /// `coversWhole` says that every byte of the object is written, which clears `damaged`. Small writes are journaled
    /// in the control page; others need a staged file, which is made here and may be ``SegmentError/outOfSpace(_:)``.
    /// A body that already lies in a staged file is not copied again.
    public init(
        to segment: Segment,
        regions: [Region],
        bytes: ByteSource,
        coversWhole: Bool
    ) throws(SegmentError) {
        precondition(regions.allSatisfy(segment.contains), "a region lies inside the buffers of its segment")
        precondition(regions.reduce(0) { $0 + $1.byteCount } == bytes.count, "a write has the bytes of its regions")
        try segment.requireWritable()
        self.segment = segment
        self.regions = regions
        self.coversWhole = coversWhole
        (journal, self.bytes) = try Journal.prepare(for: segment, regions: regions, bytes: bytes, whole: coversWhole)
    }

    /// Writes the journal for the odd `sequence` into the control page; the lock is held.
    func storeJournal(sequence: UInt64) throws(SegmentError) {
        try journal.store(in: segment, sequence: sequence, coversWhole: coversWhole)
    }

    /// Copies the bytes into the segment; the lock is held and the sequence odd.
    func apply() throws(SegmentError) {
        try segment.guarded { mapping throws(MappingFault) in
            var next = bytes.base
            for region in regions {
                try mapping.scatter(region, from: next)
                next += region.byteCount
            }
        }
    }

    /// The write is complete: nothing is left to replay.
    func dropJournal() { journal.clear(in: segment) }
}

/// Packed bytes that stay where they are for as long as this object lives.
///
/// `@unchecked Sendable` because the bytes are not written again once they are a source.
public final class ByteSource: @unchecked Sendable {
    let base: UnsafeRawPointer
    /// How many bytes there are.
    public let count: Int
    /// The staged file that they lie in, and where; nil for private memory.
    let staged: (file: StagedFile, offset: Int)?
    private let release: (() -> Void)?

    /// Bytes in memory that `release` gives back.
    public init(_ bytes: UnsafeRawBufferPointer, release: (() -> Void)?) {
        base = bytes.baseAddress ?? Self.nowhere
        count = bytes.count
        staged = nil
        self.release = release
    }

    /// Bytes of a sealed staged file.
    init(_ file: StagedFile, range: Range<Int>) {
        base = file.sealedBase + range.lowerBound
        count = range.count
        staged = (file, range.lowerBound)
        release = nil
    }

    deinit { release?() }

    /// The same bytes where no other process can take them away: those of a staged file are copied.
    ///
    /// A neighbour who may write to the segment may cut its staged files as well; the copy sees that, as everything does
    /// that reads them.
    func inPrivateMemory() throws(SegmentError) -> ByteSource {
        guard let (file, start) = staged else { return self }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        let source = ByteSource(UnsafeRawBufferPointer(copy)) { copy.deallocate() }
        try file.copy(start - file.bodyOffset, into: copy)
        return source
    }

    private static var nowhere: UnsafeRawPointer { UnsafeRawPointer(UnsafeMutableRawPointer.empty) }
}

extension UnsafeMutableRawPointer {
    /// An address for zero bytes.
    static var empty: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: 64) ?? .allocate(byteCount: 0, alignment: 1)
    }
}

extension Segment {
    /// Refuses a segment that this process may not write to, and says why.
    package func requireWritable() throws(SegmentError) {
        if isWritable { return }
        throw .forbidden(
            isReadOnly
                ? "the segment \(name) is read-only"
                : "the mode of the segment \(name) does not allow this process to write"
        )
    }
}
