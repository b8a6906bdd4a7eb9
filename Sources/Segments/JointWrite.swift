/// A write over several segments, all of it or nothing, that only has to be carried out.
///
/// Its journal is one staged file with an entry for each segment, which all their pages name (kind 3).
package final class JointWrite: Sendable {
    /// What is written to one of the segments.
    package struct Piece: Sendable {
        let segment: Segment
        let regions: [Region]
        let bytes: ByteSource
        let coversWhole: Bool

        /// Packed `bytes` for regions of a segment, one after the other; else as for a ``PreparedWrite``.
        package init(to segment: Segment, regions: [Region], bytes: ByteSource, coversWhole: Bool) {
            self.segment = segment
            self.regions = regions
            self.bytes = bytes
            self.coversWhole = coversWhole
        }
    }

    /// In the order in which their segments are locked; the bytes lie in the staged file.
    let pieces: [Piece]
    private let file: StagedFile
    private let records: [StagedRecords]

    /// Stages the bytes and the records of pieces for segments of one directory, no two of one uuid.
    ///
    /// All that needs memory is done here: ``SegmentError/outOfSpace(_:)`` comes before a lock is taken.
    package init(_ pieces: [Piece]) throws(SegmentFailure) {
        let byUUID = Dictionary(uniqueKeysWithValues: pieces.map { ($0.segment.uuid, $0) })
        let ordered = Segment.inLockingOrder(pieces.map(\.segment)).compactMap { byUUID[$0.uuid] }
        precondition(
            ordered.allSatisfy { $0.segment.directory === ordered[0].segment.directory },
            "a joint write stays in its directory"
        )
        var placed: [Piece] = []
        var records: [StagedRecords] = []
        guard let first = ordered.first?.segment else { preconditionFailure("a joint write has a segment") }
        for piece in ordered {
            try piece.segment.failing { () throws(SegmentError) in
                try piece.segment.check(piece.bytes, for: piece.regions)
            }
        }
        let file = try first.failing { () throws(SegmentError) in try StagedFile(for: ordered.map(\.segment)) }
        var starts: [Int] = []
        for piece in ordered {
            starts.append(file.count)
            try piece.segment.failing { () throws(SegmentError) in
                try file.append(UnsafeRawBufferPointer(start: piece.bytes.base, count: piece.bytes.count))
            }
        }
        try first.failing { () throws(SegmentError) in try file.seal() }
        for (piece, start) in zip(ordered, starts) {
            let source = file.source(start..<start + piece.bytes.count)
            guard let (_, offset) = source.staged else { preconditionFailure("a sealed file is a staged source") }
            let encoded = JournalRecord.encode(JournalRecord.records(of: piece.regions), dataOffset: offset)
            records.append(
                try piece.segment.failing { () throws(SegmentError) in try file.append(records: encoded) }
            )
            let coversWhole = piece.coversWhole
            placed.append(Piece(to: piece.segment, regions: piece.regions, bytes: source, coversWhole: coversWhole))
        }
        self.file = file
        self.pieces = placed
        self.records = records
    }

    /// Names the staged file, not committed yet, in all pages, for the odd sequences; all locks are held.
    func storeJournals(_ odd: [UInt64]) throws(SegmentFailure) {
        let entries = pieces.indices.map { records[$0].entry(pieces[$0].segment.uuid, odd[$0]) }
        let covered = try pieces[0].segment.failing { () throws(SegmentError) in
            try file.writeHead(entries, isCommitted: false)
        }
        let byteCount = covered.count + records.reduce(0) { $0 + $1.byteCount }
        for (piece, sequence) in zip(pieces, odd) {
            let head = JournalHead(
                kind: 3,
                flags: piece.coversWhole ? 1 : 0,
                sequence: sequence,
                uuid: piece.segment.uuid,
                byteCount: UInt64(byteCount),
                file: file.identity
            )
            try piece.segment.failing { () throws(SegmentError) in
                try Journal.store(head.encoded(crcOver: covered, then: records), in: piece.segment)
            }
        }
    }

    /// Decides the write: all sequences are odd.
    func decide() throws(SegmentFailure) {
        try pieces[0].segment.failing { () throws(SegmentError) in try file.commit() }
    }

    /// The write is complete, or was given up: no page names the file any more, and it goes.
    func dropJournals() {
        for piece in pieces { try? Journal.forget(in: piece.segment) }
        file.unlink()
    }
}

extension JointWrite.Piece {
    /// Copies the bytes into the segment; the lock is held, the sequence odd and the write decided.
    func apply() throws(SegmentError) {
        try segment.scatter(bytes, to: regions)
        if coversWhole { try segment.clearDamage() }
    }
}

/// What went wrong with one of several segments.
package struct SegmentFailure: Error {
    /// The one.
    package let segment: Segment
    /// Why.
    package let cause: SegmentError
}

extension Segment {
    /// Runs what is about this segment alone, and says so in its error.
    func failing<R: ~Copyable>(_ body: () throws(SegmentError) -> R) throws(SegmentFailure) -> R {
        do throws(SegmentError) {
            return try body()
        } catch {
            throw SegmentFailure(segment: self, cause: error)
        }
    }
}
