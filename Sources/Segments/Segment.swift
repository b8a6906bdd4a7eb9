internal import CSegment
internal import Glibc

/// A segment of shared memory that this process has mapped.
///
/// It outlives its name: after an unlink or a replacement the mapping stays valid for as long as somebody holds this
/// object. All methods may be called from any thread.
public final class Segment: Sendable {
    /// The name that it was opened by.
    public let name: SegmentName
    /// The identity of this incarnation of the name.
    public let uuid: UUID
    /// The size of control page, header and buffers together.
    public let totalBytes: Int
    /// The first byte of the buffers.
    public let dataOffset: Int
    /// Unix time of publication, in nanoseconds.
    public let createdNs: Int64
    /// What the file was when it was opened.
    public let status: FileStatus

    let headerBytes: Int
    /// The first 64 bytes of the page and up to a page of the header, as they were when it was opened.
    private let fixedBytes: [UInt8]
    let isReadOnly: Bool
    let directory: SegmentDirectory
    let mapping: Mapping
    let lockFile = LockFile()

    init(
        _ name: SegmentName,
        in directory: SegmentDirectory,
        file: borrowing FileDescriptor,
        status: FileStatus,
        page: ControlPage,
        beginning: [UInt8],
        writable: Bool
    ) throws(SegmentError) {
        do throws(SystemError) {
            mapping = try Mapping(file, count: page.totalBytes, writable: writable)
        } catch {
            throw .from(error, name: name.description)
        }
        let header = beginning.dropFirst(ControlPage.pageBytes).prefix(page.headerBytes)
        fixedBytes = Array(beginning[..<64] + header)
        self.name = name
        self.directory = directory
        self.status = status
        uuid = page.uuid
        totalBytes = page.totalBytes
        headerBytes = page.headerBytes
        dataOffset = page.dataOffset
        createdNs = page.createdNs
        isReadOnly = page.isReadOnly
    }

    /// Whether this process may write to it: the file's mode allows it and the read-only flag is not set.
    public var isWritable: Bool { mapping.isWritable && !isReadOnly }

    /// The header's JSON as it was when the segment was opened; one of more than a page is copied out now.
    ///
    /// What was read then is enough, for a header never changes; and a mapping that nobody has touched costs no page
    /// fault, and no page table that has to go again.
    package func openedHeader() throws(SegmentError) -> [UInt8] {
        fixedBytes.count == 64 + headerBytes ? Array(fixedBytes[64...]) : try header()
    }

    /// The header's JSON, copied out.
    package func header() throws(SegmentError) -> [UInt8] {
        try guarded { mapping throws(MappingFault) in
            var bytes = [UInt8](repeating: 0, count: headerBytes)
            try mapping.copy(ControlPage.pageBytes, into: &bytes)
            return bytes
        }
    }

    /// The words of the control page that change, each read by itself; never waits for a writer.
    ///
    /// A half write counts as damage as soon as its writer is dead, though nobody has recovered and stored the word yet.
    public func vitals() throws(SegmentError) -> Vitals {
        var vitals = try words()
        if vitals.sequence & 1 == 1, !vitals.isDamaged { vitals.isDamaged = isHalfWritten() }
        return vitals
    }

    private func words() throws(SegmentError) -> Vitals {
        try guarded { mapping throws(MappingFault) in
            Vitals(
                sequence: try mapping.sequence(),
                interruptedWrites: try mapping.load(ControlWord.interruptedWrites),
                writerPid: try mapping.load(ControlWord.writerPid),
                modifiedNs: Int64(bitPattern: try mapping.load(ControlWord.modified)),
                expiresNs: Int64(bitPattern: try mapping.load(ControlWord.expires)),
                state: try mapping.load(ControlWord.state),
                isDamaged: try mapping.load(ControlWord.damaged) != 0
            )
        }
    }

    /// The sequence of now: even when stable, odd while a write is under way.
    public func sequence() throws(SegmentError) -> UInt64 {
        try guarded { mapping throws(MappingFault) in try mapping.sequence() }
    }

    /// The address of a range of the segment, for handing it to the kernel without a copy.
    ///
    /// Only the kernel may read there: a truncated page is EFAULT to it and SIGBUS to us. Valid while this object is.
    package func bytesForKernel(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= totalBytes, "a range lies inside its segment")
        return UnsafeRawBufferPointer(start: mapping.base + range.lowerBound, count: range.count)
    }

    /// Runs an access to the mapping and gives a fault its name.
    func guarded<R>(_ body: (borrowing Mapping) throws(MappingFault) -> R) throws(SegmentError) -> R {
        do throws(MappingFault) {
            return try body(mapping)
        } catch {
            throw error.error(name)
        }
    }

    /// The path of the directory that it stands in.
    package var directoryPath: String { directory.path }

    /// Whether the name still leads to this file, and the file is still what was opened: same owner and mode, not
    /// shorter, the fixed words of its page and its header untouched.
    public func isCurrent() throws(SegmentError) -> Bool {
        guard let now = try currentStatus(), now.size >= totalBytes, now.mode == status.mode, now.uid == status.uid,
            now.gid == status.gid
        else { return false }
        return try guarded { mapping throws(MappingFault) in
            var isSame: Int32 = 0
            let code = fixedBytes.withUnsafeBytes {
                shmgate_same_bytes(mapping.base, 0, $0.baseAddress, 64, &isSame)
            }
            if code != 0 { throw MappingFault() }
            if isSame == 0 { return false }
            let headerCode = fixedBytes.withUnsafeBytes {
                shmgate_same_bytes(
                    mapping.base,
                    Int64(ControlPage.pageBytes),
                    $0.baseAddress.map { $0 + 64 },
                    Int64($0.count - 64),
                    &isSame
                )
            }
            if headerCode != 0 { throw MappingFault() }
            return isSame != 0
        }
    }

    /// Whether the name still leads to this file, and what the file is now.
    ///
    /// The corresponding C function is `fstatat`.
    package func currentStatus() throws(SegmentError) -> FileStatus? {
        guard let now = try directory.status(of: name), now.isSameFile(as: status) else { return nil }
        return now
    }
}

/// What a segment's control page says at this moment.
public struct Vitals: Equatable, Sendable {
    /// Even: stable; odd: a write is under way, or its writer died.
    public var sequence: UInt64
    /// Writers that died inside a write.
    public var interruptedWrites: UInt64
    /// Who wrote last, in its own pid namespace.
    public var writerPid: UInt64
    /// Unix time of the last finished write, in nanoseconds.
    public var modifiedNs: Int64
    /// Unix time after which the gateway may unlink it; 0: never.
    public var expiresNs: Int64
    /// 0 live, 1 replaced, 2 unlinked on purpose.
    public var state: UInt64
    /// A half write has not been overwritten whole or repaired.
    public var isDamaged: Bool
}
