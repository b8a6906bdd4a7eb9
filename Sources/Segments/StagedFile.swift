internal import CSegment
internal import Glibc

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

    /// Random bits that name the file.
    let identity = UUID.random()
    private let directory: SegmentDirectory
    /// The creating description: written through, never mapped, and holding the lock that tells sweepers to keep off.
    private let file: FileDescriptor
    private var end: Int
    /// Up to here the limits of the container have room; they are asked a step ahead, for the pieces are small.
    private var comparedEnd: Int
    private static let comparedBytes = ContainerMemory.smallestBytes
    private var recordsEnd: Int
    private var mapping: Mapping?
    private var isLinked = true

    /// Makes an empty one with the mode and group of the segment that it will be written to.
    public convenience init(for segment: Segment) throws(SegmentError) {
        try self.init(in: segment.directory, entries: 1, mode: segment.status.mode, group: segment.status.gid)
    }

    /// Makes an empty one for a write of several segments, its head already reserved.
    ///
    /// It holds the data of all of them, so it can be read by those only who may read each.
    convenience init(for segments: [Segment]) throws(SegmentError) {
        guard let first = segments.first else { preconditionFailure("a staged file is for a segment") }
        let isOfOneGroup = segments.allSatisfy { $0.status.gid == first.status.gid }
        let mode = segments.reduce(isOfOneGroup ? 0o777 : 0o600) { $0 & $1.status.mode } | 0o600
        try self.init(in: first.directory, entries: segments.count, mode: mode, group: first.status.gid)
        try [UInt8](repeating: 0, count: bodyOffset).withUnsafeBytesTyped { bytes throws(SegmentError) in
            try write(bytes, at: 0)
        }
    }

    private init(in directory: SegmentDirectory, entries: Int, mode: UInt32, group: UInt32) throws(SegmentError) {
        bodyOffset = roundUp(StagedHead.byteCount + entries * StagedHead.entryBytes, to: ControlPage.pageBytes)
        end = bodyOffset
        comparedEnd = bodyOffset + Self.comparedBytes
        recordsEnd = bodyOffset
        self.directory = directory
        file = try directory.createTemporary(Self.name(identity))
        UnfinishedFiles.begin("\(directory.path)/\(Self.name(identity))")
        let hasGroup = fchown(file.number, uid_t.max, group) == 0
        Failpoint.pass("fchown of the staged file")
        // What the segment's group may do is not for ours, if the file cannot be given to that group.
        _ = fchmod(file.number, hasGroup ? mode : mode & ~0o070)
        Failpoint.pass("fchmod of the staged file")
    }

    deinit { unlink() }

    static func name(_ identity: UUID) -> String { ".shmgate-journal-\(identity.hexadecimal)" }

    /// Bytes of body received.
    public var count: Int { end - bodyOffset }

    /// Adds a piece of the body; ``SegmentError/outOfSpace(_:)`` when shared memory is full.
    public func append(_ piece: UnsafeRawBufferPointer) throws(SegmentError) {
        if end + piece.count > comparedEnd {
            let step = max(piece.count, Self.comparedBytes)
            try ContainerMemory.ofThisProcess.reserving(step, until: .immediate) {}
            comparedEnd = end + step
        }
        try write(piece, at: end)
        end += piece.count
    }

    /// Ends the body and maps it.
    public func seal() throws(SegmentError) {
        if mapping == nil, count > 0 {
            let again = FileDescriptor.open(Self.name(identity), in: directory.descriptor, flags: O_RDONLY)
            switch again {
            case .failure(let error): throw .system(error)
            case .success(let number):
                let reader = FileDescriptor(owning: number)
                do throws(SystemError) {
                    mapping = try Mapping(reader, count: end, writable: false)
                } catch {
                    throw .system(error)
                }
            }
        }
    }

    /// A range of the sealed body as the bytes of a write.
    public func source(_ range: Range<Int>) -> ByteSource {
        ByteSource(self, range: bodyOffset + range.lowerBound..<bodyOffset + range.upperBound)
    }

    /// Copies bytes of the sealed body out, from an offset on.
    public func copy(_ offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws(SegmentError) {
        switch mapping {
        case .none: return
        case .some(let mapping):
            do throws(MappingFault) {
                try mapping.copy(bodyOffset + offset, into: bytes)
            } catch {
                throw .corrupt("the staged body was truncated while it was in use")
            }
        }
    }

    /// The mapping's address, or some address for an empty body.
    var sealedBase: UnsafeRawPointer {
        switch mapping {
        case .none: UnsafeRawPointer(UnsafeMutableRawPointer.empty) - bodyOffset
        case .some(let mapping): UnsafeRawPointer(mapping.base)
        }
    }

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
        UnfinishedFiles.end("\(directory.path)/\(Self.name(identity))")
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
    func unlink() {
        guard isLinked else { return }
        isLinked = false
        directory.unlinkTemporary(Self.name(identity))
        UnfinishedFiles.end("\(directory.path)/\(Self.name(identity))")
    }

    /// The corresponding C function is `pwrite`: it reserves as it goes and says ENOSPC, where a mapping would fault.
    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SegmentError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(file.number, bytes.baseAddress.map { $0 + done }, bytes.count - done, offset + done)
            if count > 0 {
                done += count
                Failpoint.pass("pwrite to the staged file")
            } else if count < 0, errno != EINTR {
                let error = SystemError("pwrite")
                if error.code == ENOSPC || error.code == EFBIG || error.code == EDQUOT {
                    throw .outOfSpace(
                        "shared memory is full: expected room to stage \(offset + bytes.count) bytes, got \(offset + done)"
                    )
                }
                throw .system(error)
            }
        }
    }
}
