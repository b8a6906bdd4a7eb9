internal import CSegment
internal import Glibc

/// A temporary file that the body of a write is staged in, and after it the body of another one.
///
/// It belongs to one ``StagedFile`` at a time, and between two of them to the ``StagingSpares``. `@unchecked Sendable`
/// because of that order.
final class StagingFile: @unchecked Sendable {
    /// Random bits that name the file.
    let identity = UUID.random()
    /// The mode and group that were asked for.
    let mode: UInt32
    let group: UInt32
    /// The file has memory up to here, from earlier bodies too.
    private(set) var heldEnd = 0
    /// What the spares count for it while it is in use again.
    var lentBytes = 0
    private let path: String
    private let directory: Int32
    /// The creating description: never mapped, and holding the lock that tells sweepers to keep off.
    private let file: FileDescriptor
    /// What of it is mapped, through a description of its own; that has memory too.
    private var mapping: Mapping?
    private var mappedEnd = 0
    private var isLinked = true

    init(in directory: SegmentDirectory, mode: UInt32, group: UInt32) throws(SegmentError) {
        self.mode = mode
        self.group = group
        self.directory = directory.descriptor
        let name = Self.name(identity)
        path = "\(directory.path)/\(name)"
        file = try directory.createTemporary(name)
        UnfinishedFiles.begin(path)
        let hasGroup = fchown(file.number, uid_t.max, group) == 0
        Failpoint.pass("fchown of the staged file")
        // What the segment's group may do is not for ours, if the file cannot be given to that group.
        _ = fchmod(file.number, hasGroup ? mode : mode & ~0o070)
        Failpoint.pass("fchmod of the staged file")
    }

    deinit { unlink() }

    static func name(_ identity: UUID) -> String { ".shmgate-journal-\(identity.hexadecimal)" }

    /// Takes back what the head said of the body that was in it; false if that cannot be done.
    ///
    /// What memory it has it keeps.
    func clear() -> Bool {
        guard isLinked, (try? write(Self.blankHead, at: 0)) != nil else { return false }
        UnfinishedFiles.begin(path)
        return true
    }

    /// Whether it is as it was left: somebody may have unlinked, linked or cut it, or changed who may read it.
    var isReusable: Bool {
        var raw = stat()
        guard isLinked, fstatat(directory, Self.name(identity), &raw, AT_SYMLINK_NOFOLLOW) == 0,
            case .success(let mine) = file.status()
        else { return false }
        return FileStatus(raw).isSameFile(as: mine) && mine.linkCount == 1 && mine.size == heldEnd
            && mine.heldBytes == heldEnd && mine.mode == mode
            && mine.gid == group
    }

    private static let blankHead = [UInt8](repeating: 0, count: StagedHead.byteCount)

    /// From now on it may be what finishes a write: who ends this process leaves it.
    func becomeJournal() { UnfinishedFiles.end(path) }

    /// Makes the bytes up to `end` readable.
    func map(upTo end: Int) throws(SystemError) {
        if mappedEnd >= end { return }
        switch FileDescriptor.open(Self.name(identity), in: directory, flags: O_RDWR) {
        case .failure(let error): throw error
        case .success(let number):
            mapping = try Mapping(FileDescriptor(owning: number), count: end, writable: true)
            mappedEnd = end
        }
    }

    /// The mapping's address; nil if there is none.
    var base: UnsafeRawPointer? {
        switch mapping {
        case .none: nil
        case .some(let mapping): UnsafeRawPointer(mapping.base)
        }
    }

    /// Copies mapped bytes out, from an offset on.
    func copy(_ offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws(MappingFault) {
        switch mapping {
        case .none: preconditionFailure("bytes are read once they are mapped")
        case .some(let mapping): try mapping.copy(offset, into: bytes)
        }
    }

    /// Removes the file; what is mapped stays valid while this object lives.
    func unlink() {
        guard isLinked else { return }
        isLinked = false
        _ = unlinkat(directory, Self.name(identity), 0)
        Failpoint.pass("unlink of the temporary file")
        UnfinishedFiles.end(path)
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(SegmentError) {
        try bytes.withUnsafeBytesTyped { bytes throws(SegmentError) in try write(bytes, at: offset) }
    }

    /// Writes bytes: into the mapping where an earlier body left memory, for that costs a fifth of the call.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SegmentError) {
        // The page of the head may be a hole yet.
        if offset < ControlPage.pageBytes || offset + bytes.count > mappedEnd { return try extend(bytes, at: offset) }
        do throws(MappingFault) {
            try store(bytes, at: offset)
            Failpoint.pass("store to the staged file")
        } catch {
            throw .corrupt("the staged file was truncated while it was in use")
        }
    }

    private func store(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(MappingFault) {
        switch mapping {
        case .none: preconditionFailure("what is not mapped is not stored to")
        case .some(let mapping): try mapping.copy(bytes, to: offset)
        }
    }

    /// The corresponding C function is `pwrite`: it reserves as it goes and says ENOSPC, where a mapping would fault.
    private func extend(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SegmentError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(file.number, bytes.baseAddress.map { $0 + done }, bytes.count - done, offset + done)
            if count > 0 {
                done += count
                heldEnd = max(heldEnd, offset + done)
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
