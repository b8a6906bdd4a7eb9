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
        try segment.check(bytes, for: regions)
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
    func apply() throws(SegmentError) { try segment.scatter(bytes, to: regions) }

    /// The write is complete: nothing is left to replay.
    func dropJournal() { journal.clear(in: segment) }
}

extension Segment {
    /// Refuses a write that may not be; one that does not fit is its maker's mistake.
    func check(_ bytes: ByteSource, for regions: [Region]) throws(SegmentError) {
        precondition(regions.allSatisfy(contains), "a region lies inside the buffers of its segment")
        precondition(regions.reduce(0) { $0 + $1.byteCount } == bytes.count, "a write has the bytes of its regions")
        try requireWritable()
    }

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
