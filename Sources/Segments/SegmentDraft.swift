internal import CSegment
internal import Glibc

/// A segment that is being built: it has its memory, but no name yet, so nobody else can see it half done.
///
/// Dropped without ``publish(as:replacing:)`` it leaves nothing behind.
public final class SegmentDraft: Sendable {
    /// The size of control page, header and buffers together.
    public let totalBytes: Int
    /// The first byte of the buffers.
    public let dataOffset: Int
    /// The identity that the segment will have.
    public let uuid = UUID.random()

    private let directory: SegmentDirectory
    private let temporaryName: String
    private let file: FileDescriptor
    private let mapping: Mapping
    private let mode: UInt32

    /// Reserves all memory and writes control page and header; the buffers are zero.
    ///
    /// The header is JSON of at most 16 MiB, `dataBytes` the size of the buffers together, `mode` the permission bits
    /// of the segment; writers refuse it if it `isReadOnly`, and the gateway may unlink it after its lifetime. Full
    /// memory is ``SegmentError/outOfSpace(_:)`` and leaves nothing behind.
    public init(
        in directory: SegmentDirectory,
        header: UnsafeRawBufferPointer,
        dataBytes: Int,
        mode: UInt32 = 0o600,
        isReadOnly: Bool = false,
        lifetimeSeconds: Double? = nil
    ) throws(SegmentError) {
        self.directory = directory
        self.mode = mode
        dataOffset = ControlPage.dataOffset(headerBytes: header.count)
        totalBytes = try Self.totalBytes(headerBytes: header.count, dataBytes: dataBytes)
        temporaryName = ".shmgate-tmp-\(uuid.hexadecimal)"
        let bytes = totalBytes
        try directory.withSparesToGive { () throws(SegmentError) in try directory.requireFree(bytes) }
        file = try directory.createTemporary(temporaryName)
        UnfinishedFiles.begin("\(directory.path)/\(temporaryName)")
        do throws(SegmentError) {
            let (number, count) = (file.number, totalBytes)
            let reservation = try directory.withSparesToGive { () throws(SegmentError) in
                try ContainerMemory.ofThisProcess.reserving(count, until: .after(milliseconds: 2_000)) {
                    FileDescriptor.reserve(number, from: 0, count: count)
                }
            }
            if case .failure(let error) = reservation { throw try directory.shortage(error, of: totalBytes) }
            Failpoint.pass("reservation of the draft")
            mapping = try Self.map(temporaryName, in: directory, count: totalBytes)
        } catch {
            Self.remove(temporaryName, from: directory)
            throw error
        }
        let nowNs = Clock.unixNs()
        let page = ControlPage.bytes(
            uuid: uuid,
            totalBytes: totalBytes,
            headerBytes: header.count,
            flags: isReadOnly ? SHMGATE_FLAG_READONLY : 0,
            nowNs: nowNs,
            expiresNs: lifetimeSeconds.map { nowNs + Int64($0 * 1e9) } ?? 0
        )
        try guarded { () throws(MappingFault) in
            try page.withUnsafeBytesTyped { bytes throws(MappingFault) in try mapping.copy(bytes, to: 0) }
            Failpoint.pass("draft's page")
            try mapping.copy(header, to: ControlPage.pageBytes)
            Failpoint.pass("draft's header")
        }
    }

    deinit { Self.remove(temporaryName, from: directory) }

    private static func remove(_ name: String, from directory: SegmentDirectory) {
        directory.unlinkTemporary(name)
        UnfinishedFiles.end("\(directory.path)/\(name)")
    }

    /// The size that a segment will have, control page, header and buffers together.
    package static func totalBytes(headerBytes: Int, dataBytes: Int) throws(SegmentError) -> Int {
        precondition(headerBytes <= ControlPage.maximumHeaderBytes, "a header has at most 16 MiB")
        let (sum, overflow) = ControlPage.dataOffset(headerBytes: headerBytes).addingReportingOverflow(dataBytes)
        guard !overflow, sum <= Int.max - ControlPage.pageBytes else {
            throw .outOfSpace("expected a segment that a machine can hold, got \(dataBytes) bytes")
        }
        return roundUp(sum, to: ControlPage.pageBytes)
    }

    /// Copies packed bytes into a region, which has to lie inside the buffers: from a request, that is checked before.
    public func fill(_ region: Region, from packed: UnsafeRawPointer) throws(SegmentError) {
        if let extent = region.extent {
            precondition(
                extent.lowerBound >= dataOffset && extent.upperBound <= totalBytes,
                "expected a region inside the buffers \(dataOffset)..<\(totalBytes) of the new segment, got \(extent)"
            )
        }
        try guarded { () throws(MappingFault) in try mapping.scatter(region, from: packed) }
    }

    /// Copies the bytes of a source into a region.
    public func fill(_ region: Region, from source: ByteSource) throws(SegmentError) {
        precondition(
            region.byteCount == source.count,
            "expected the \(region.byteCount) bytes of the region to fill, got \(source.count)"
        )
        try fill(region, from: source.base)
    }

    /// Repeats one element over a run of bytes; zero bytes need no work.
    public func fill(_ range: Range<Int>, repeating element: UnsafeRawBufferPointer) throws(SegmentError) {
        guard !element.isEmpty, element.contains(where: { $0 != 0 }) else { return }
        let blockCount = max(1, min(range.count, 1 << 20) / element.count)
        var block: [UInt8] = []
        block.reserveCapacity(blockCount * element.count)
        for _ in 0..<blockCount { block.append(contentsOf: element) }
        var next = range.lowerBound
        while next < range.upperBound {
            let count = min(block.count, range.upperBound - next)
            try block.withUnsafeBytesTyped { bytes throws(SegmentError) in
                guard let base = bytes.baseAddress else { return }
                try fill(Region(byteOffset: next, itemByteCount: count, axes: []), from: base)
            }
            next += count
        }
    }

    /// Gives the segment its name, at once and whole.
    ///
    /// A name that is taken is ``SegmentError/alreadyExists(_:)``. With `replacing` the name is taken from the segment
    /// that has it, under that segment's lock and after `condition` has seen it; its mappers see state 1. One that is
    /// corrupt, or of a format that is not known, is replaced as well; `condition` then gets nil. With the name the
    /// draft lets go of the lock that kept sweepers off, so that the segment can be written at once.
    ///
    /// With `mustExist` the name has to lead to a segment already; one that is not there is
    /// ``SegmentError/preconditionFailed(_:)``. With `pinned` a gateway of this user gives the segment its name back
    /// when that is taken away without the protocol. Tells whether a segment was replaced.
    @discardableResult
    public func publish(
        as name: SegmentName,
        replacing: Bool = false,
        mustExist: Bool = false,
        pinned: Bool = false,
        until deadline: Deadline = .immediate,
        condition: (Segment?) throws(SegmentError) -> Void = { _ throws(SegmentError) in }
    ) throws(SegmentError) -> Bool {
        if fchmod(file.number, mode) != 0 { throw .system(SystemError("fchmod")) }
        Failpoint.pass("fchmod of the draft")
        let pin = Pin(uuid: uuid, name: name, isAnnounced: true)
        if pinned { try directory.announce(pin, of: temporaryName) }
        let isReplaced: Bool
        do throws(SegmentError) {
            isReplaced = try take(name, replacing, mustExist, until: deadline, condition: condition)
        } catch {
            if pinned { directory.drop(pin) }
            throw error
        }
        if pinned { directory.complete(pin) }
        letGo()
        return isReplaced
    }

    /// Takes the name, free or not; tells whether it was another segment's.
    private func take(
        _ name: SegmentName,
        _ replacing: Bool,
        _ mustExist: Bool,
        until deadline: Deadline,
        condition: (Segment?) throws(SegmentError) -> Void
    ) throws(SegmentError) -> Bool {
        while true {
            if !replacing { try condition(nil) }
            if !mustExist {
                let code = shmgate_rename_new(directory.descriptor, temporaryName, name.description)
                if code == 0 {
                    Failpoint.pass("rename to a free name")
                    return false
                }
                guard code == EEXIST else { throw .from(SystemError("renameat2", code), name: name.description) }
            }
            guard replacing else { throw .alreadyExists(name.description) }
            do throws(SegmentError) {
                try replace(directory.load(name), until: deadline, condition: condition)
                return true
            } catch .noSuchSegment {
                if try directory.status(of: name) != nil { throw .alreadyExists(name.description) }
                if mustExist { throw .preconditionFailed("expected a segment \(name) to replace, there is none") }
            } catch .replaced {
                continue
            } catch  where error.isOfTheFile {
                if try replaceUnreadable(name, until: deadline, condition: condition) { return true }
            }
        }
    }

    /// Frees the maker's lock; only once the temporary name is gone, for whoever had the lock under that name could
    /// sweep the file away.
    private func letGo() {
        _ = file.tryLock(F_UNLCK)
        Failpoint.pass("draft's lock freed")
    }

    private func replace(
        _ old: Segment,
        until deadline: Deadline,
        condition: (Segment?) throws(SegmentError) -> Void
    ) throws(SegmentError) {
        try old.withWriteLock(until: deadline) { lock throws(SegmentError) in
            try condition(old)
            try lock.setState(.replaced)
            let code = shmgate_rename_over(directory.descriptor, temporaryName, old.name.description)
            if code == 0 {
                Failpoint.pass("rename over the name")
                return directory.dropPin(of: old)
            }
            try lock.setState(.live)
            throw .from(SystemError("renameat", code), name: old.name.description)
        }
    }

    private func replaceUnreadable(
        _ name: SegmentName,
        until deadline: Deadline,
        condition: (Segment?) throws(SegmentError) -> Void
    ) throws(SegmentError) -> Bool {
        try directory.withLockOfUnreadable(name, until: deadline) { file throws(SegmentError) in
            try condition(nil)
            let code = shmgate_rename_over(directory.descriptor, temporaryName, name.description)
            guard code == 0 else { throw .from(SystemError("renameat", code), name: name.description) }
            Failpoint.pass("rename over the corrupt segment's name")
            directory.dropPins(of: name, leadingTo: file)
        }
    }

    private static func map(
        _ name: String,
        in directory: SegmentDirectory,
        count: Int
    ) throws(SegmentError) -> Mapping {
        switch FileDescriptor.open(name, in: directory.descriptor, flags: O_RDWR) {
        case .failure(let error): throw .from(error, name: name)
        case .success(let number):
            let file = FileDescriptor(owning: number)
            do throws(SystemError) {
                return try Mapping(file, count: count, writable: true)
            } catch {
                throw .from(error, name: name)
            }
        }
    }

    private func guarded(_ body: () throws(MappingFault) -> Void) throws(SegmentError) {
        do throws(MappingFault) {
            try body()
        } catch {
            throw .corrupt("the new segment was truncated while it was built")
        }
    }
}

extension SegmentDirectory {
    /// Refuses at once what the file system cannot hold.
    func requireFree(_ byteCount: Int) throws(SegmentError) {
        let free = try capacity().freeBytes
        if byteCount > free {
            throw .outOfSpace("shared memory is full: expected room for \(byteCount) bytes, \(free) are free")
        }
    }

    /// The error of a reservation that failed, with what is left.
    func shortage(_ error: SystemError, of byteCount: Int) throws(SegmentError) -> SegmentError {
        guard case .outOfSpace = SegmentError.from(error, name: "") else { return .system(error) }
        return .outOfSpace(
            "shared memory is full: expected room for \(byteCount) bytes, \(try capacity().freeBytes) are free"
        )
    }
}
