/// Where the records of one write lie in a staged file, and their CRC-32.
struct StagedRecords: Sendable {
    var offset: Int
    var byteCount: Int
    var crc: UInt32

    /// The entry of the head for the segment whose records they are.
    func entry(_ uuid: UUID, _ sequence: UInt64) -> StagedHead.Entry {
        StagedHead.Entry(uuid: uuid, sequence: sequence, recordsOffset: offset, recordsBytes: byteCount)
    }
}

/// A file beside the segments that holds the body of a write until the write is done: the body as it was received,
/// and, once committed, the records that say where its bytes belong.
///
/// | offset | type | field |
/// |---|---|---|
/// | 0 | 8 bytes | `SHMGJRN` NUL |
/// | 8 | u32 | version 1 |
/// | 12 | u32 | commit: 1 when body and records are complete |
/// | 16 | u64 | entries |
/// | 24 | 40 bytes each | uuid, u64 sequence, u64 offset of its records, u64 bytes of its records |
/// | 4096 | | the body, then the records; further behind where the entries need more room |
///
/// One thread at a time fills it; sealed, it does not change. `@unchecked Sendable` because of that order.
public final class StagedFile: @unchecked Sendable {
    /// Where the body begins.
    let bodyOffset: Int
    static let magic: [UInt8] = Array("SHMGJRN\0".utf8)

    private let directory: SegmentDirectory
    private let file: StagingFile
    private var end: Int
    /// Up to here the limits of the container have room; they are asked a step ahead, for the pieces are small.
    private var comparedEnd: Int
    private static let comparedBytes = ContainerMemory.smallestBytes
    private var recordsEnd: Int
    /// Whether a page may name it.
    private var isNamed = false

    /// Makes an empty one with the mode and group of the segment that it will be written to.
    ///
    /// How many bytes are expected, if that is known, says which file of an earlier write is not too large for them.
    public convenience init(for segment: Segment, expecting byteCount: Int = 0) throws(SegmentError) {
        let status = segment.status
        try self.init(in: segment.directory, entries: 1, mode: status.mode, group: status.gid, expecting: byteCount)
    }

    /// Makes an empty one for a write of several segments, its head already reserved.
    ///
    /// It holds the data of all of them, so it can be read by those only who may read each.
    convenience init(for segments: [Segment]) throws(SegmentError) {
        guard let first = segments.first else { preconditionFailure("a staged file is for a segment") }
        let isOfOneGroup = segments.allSatisfy { $0.status.gid == first.status.gid }
        let mode = segments.reduce(isOfOneGroup ? 0o777 : 0o600) { $0 & $1.status.mode } | 0o600
        try self.init(in: first.directory, entries: segments.count, mode: mode, group: first.status.gid, expecting: 0)
        try [UInt8](repeating: 0, count: bodyOffset).withUnsafeBytesTyped { bytes throws(SegmentError) in
            try write(bytes, at: 0)
        }
    }

    private init(
        in directory: SegmentDirectory,
        entries: Int,
        mode: UInt32,
        group: UInt32,
        expecting byteCount: Int
    ) throws(SegmentError) {
        bodyOffset = roundUp(StagedHead.byteCount + entries * StagedHead.entryBytes, to: ControlPage.pageBytes)
        end = bodyOffset
        recordsEnd = bodyOffset
        self.directory = directory
        file =
            if let spare = directory.spares.take(mode: mode, group: group, for: byteCount) { spare } else {
                try StagingFile(in: directory, mode: mode, group: group)
            }
        comparedEnd = max(file.heldEnd, bodyOffset + Self.comparedBytes)
    }

    deinit { directory.spares.give(file, isFree: !isNamed) }

    static func name(_ identity: UUID) -> String { StagingFile.name(identity) }

    /// Random bits that name the file.
    var identity: UUID { file.identity }

    /// Bytes of body received.
    public var count: Int { end - bodyOffset }

    /// Adds a piece of the body; ``SegmentError/outOfSpace(_:)`` when shared memory is full.
    public func append(_ piece: UnsafeRawBufferPointer) throws(SegmentError) {
        if end + piece.count > comparedEnd {
            let step = max(piece.count, Self.comparedBytes)
            try directory.withSparesToGive { () throws(SegmentError) in
                try ContainerMemory.ofThisProcess.reserving(step, until: .immediate) {}
            }
            comparedEnd = end + step
        }
        try write(piece, at: end)
        end += piece.count
    }

    /// Ends the body and maps it.
    public func seal() throws(SegmentError) {
        guard count > 0 else { return }
        do throws(SystemError) {
            try file.map(upTo: end)
        } catch {
            throw .system(error)
        }
    }

    /// A range of the sealed body as the bytes of a write.
    public func source(_ range: Range<Int>) -> ByteSource {
        ByteSource(self, range: bodyOffset + range.lowerBound..<bodyOffset + range.upperBound)
    }

    /// Copies bytes of the sealed body out, from an offset on.
    public func copy(_ offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws(SegmentError) {
        if count == 0 { return }
        do throws(MappingFault) {
            try file.copy(bodyOffset + offset, into: bytes)
        } catch {
            throw .corrupt("the staged body was truncated while it was in use")
        }
    }

    /// The mapping's address, or some address for an empty body.
    var sealedBase: UnsafeRawPointer { file.base ?? UnsafeRawPointer(UnsafeMutableRawPointer.empty) - bodyOffset }

    /// Writes the records of a write behind the sealed body; a body that is used again gets others behind them.
    func append(records: [UInt8]) throws(SegmentError) -> StagedRecords {
        let offset = roundUp(max(end, recordsEnd), to: 8)
        try records.withUnsafeBytesTyped { bytes throws(SegmentError) in try write(bytes, at: offset) }
        recordsEnd = offset + records.count
        return StagedRecords(offset: offset, byteCount: records.count, crc: JournalHead.checksum(of: records))
    }

    /// Writes the head; returns it as the journal's checksum covers it, before the records.
    ///
    /// The write of one segment is committed by what the page says; that of several by ``commit()``.
    func writeHead(_ entries: [StagedHead.Entry], isCommitted: Bool) throws(SegmentError) -> [UInt8] {
        // From now on it may be what finishes a write.
        file.becomeJournal()
        isNamed = true
        var head = StagedHead(entries: entries)
        let covered = head.encoded
        head.commit = isCommitted ? 1 : 0
        try head.encoded.withUnsafeBytesTyped { bytes throws(SegmentError) in try write(bytes, at: 0) }
        return covered
    }

    /// Sets the commit word: from now on whoever finds a segment odd at its sequence of this write redoes it.
    func commit() throws(SegmentError) {
        var word: [UInt8] = []
        word.append(UInt32(1))
        try word.withUnsafeBytesTyped { bytes throws(SegmentError) in try write(bytes, at: StagedHead.commitOffset) }
        Failpoint.pass("commit word")
    }

    /// Removes the file; its bytes stay valid while this object lives.
    func unlink() { file.unlink() }

    /// No page names it any more, so that it may go or be used again; its bytes stay valid while this object lives.
    func retire() {
        isNamed = false
        if !directory.spares.isKeeping { file.unlink() }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SegmentError) {
        try directory.withSparesToGive { () throws(SegmentError) in try file.write(bytes, at: offset) }
    }
}
