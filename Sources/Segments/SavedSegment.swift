internal import CSegment
internal import Glibc

extension Segment {
    /// Saves the segment into a file, on a disk say: its page, its header, and its buffers as of one sequence.
    ///
    /// What is saved is a segment's file again, that any program can map. The buffers are copied straight into it, so no
    /// memory is needed beside. Its room is reserved first; a file of this name is replaced when all is written. The mode
    /// is that of the segment. ``SegmentError/busy(_:)`` if writers keep it busy until the deadline.
    @discardableResult
    package func save(to path: String, until deadline: Deadline) throws(SegmentError) -> Snapshot {
        do throws(SystemError) {
            let output = try StagedOutput(path)
            let (number, count) = (output.descriptor, totalBytes)
            if ftruncate(number, 0) != 0 { throw SystemError("ftruncate") }
            try FileDescriptor.reserve(number, from: 0, count: count).get()
            if fchmod(number, status.mode) != 0 { throw SystemError("fchmod") }
            let file = try Mapping(output.file, count: count, writable: true)
            let result = Result { () throws(SegmentError) in try fill(file, until: deadline) }
            guard case .success(let snapshot) = result else { throw SystemError("copy", result.isBusy ? EBUSY : EIO) }
            try output.publish()
            return snapshot
        } catch {
            switch error.code {
            case EBUSY: throw .busy("writers keep the segment \(name) busy")
            case ENOSPC, EDQUOT: throw .outOfSpace("the disk is full: expected room for \(totalBytes) bytes at \(path)")
            default: throw .system(error)
            }
        }
    }

    /// Copies everything into the mapping of another file.
    private func fill(_ file: borrowing Mapping, until deadline: Deadline) throws(SegmentError) -> Snapshot {
        let vitals = try vitals()
        let header = try header()
        let base = file.base
        let page = ControlPage.bytes(
            uuid: uuid,
            totalBytes: totalBytes,
            headerBytes: headerBytes,
            flags: isReadOnly ? SHMGATE_FLAG_READONLY : 0,
            nowNs: createdNs,
            expiresNs: vitals.expiresNs
        )
        let region = Region(byteOffset: dataOffset, itemByteCount: totalBytes - dataOffset, axes: [])
        let snapshot = try snapshot(region, into: base + dataOffset, until: deadline)
        do throws(MappingFault) {
            try page.withUnsafeBytesTyped { bytes throws(MappingFault) in try file.copy(bytes, to: 0) }
            try header.withUnsafeBytesTyped { bytes throws(MappingFault) in
                try file.copy(bytes, to: ControlPage.pageBytes)
            }
        } catch {
            throw error.error(name)
        }
        return snapshot
    }
}

/// A segment that was saved into a file, and can be made again from it.
package struct SavedSegment: ~Copyable {
    /// The header's JSON.
    package let header: [UInt8]
    /// The first byte of the buffers, and the size of all.
    package let dataOffset: Int
    package let totalBytes: Int
    private let mapping: Mapping
    private let mode: UInt32
    private let isReadOnly: Bool
    private let expiresNs: Int64

    /// Opens and checks a file; one that is no segment is ``SegmentError/corrupt(_:)``.
    package init(_ path: String, named name: SegmentName) throws(SegmentError) {
        let number = retrying { open(path, O_RDONLY | O_CLOEXEC) }
        guard number >= 0 else { throw .system(SystemError("open \(path)")) }
        let file = FileDescriptor(owning: number)
        guard case .success(let status) = file.status(), status.isRegular,
            let bytes = file.bytes(0..<min(ControlPage.byteCount, status.size)), bytes.starts(with: ControlPage.magic)
        else { throw .corrupt("expected a saved segment, \(path) is none") }
        let page = try bytes.withUnsafeBytes { raw in
            Result { () throws(SegmentError) in try ControlPage(reading: raw, fileSize: status.size, name: name) }
        }.get()
        let mapped = Result { () throws(SystemError) in try Mapping(file, count: page.totalBytes, writable: false) }
        let mapping: Mapping
        switch consume mapped {
        case .success(let made): mapping = made
        case .failure(let error): throw .system(error)
        }
        var header = [UInt8](repeating: 0, count: page.headerBytes)
        do throws(MappingFault) {
            try mapping.copy(ControlPage.pageBytes, into: &header)
        } catch {
            throw .corrupt("the file \(path) was truncated while it was read")
        }
        expiresNs = bytes.withUnsafeBytes { $0.load(fromByteOffset: ControlWord.expires, as: Int64.self) }
        mode = status.mode & 0o777
        self.mapping = mapping
        self.header = header
        (dataOffset, totalBytes, isReadOnly) = (page.dataOffset, page.totalBytes, page.isReadOnly)
    }

    /// Whether its time was over before it could be made again.
    package var hasExpired: Bool { expiresNs != 0 && expiresNs <= Clock.unixNs() }

    /// Makes the segment; it appears under its name at once and whole, with an identity of its own.
    package func publish(
        in directory: SegmentDirectory,
        as name: SegmentName,
        replacing: Bool,
        pinned: Bool,
        until deadline: Deadline
    ) throws(SegmentError) {
        let lifetimeSeconds = expiresNs == 0 ? nil : Double(expiresNs - Clock.unixNs()) / 1e9
        let dataBytes = totalBytes - dataOffset
        let (mode, isReadOnly) = (mode, isReadOnly)
        let draft = try header.withUnsafeBytes { bytes in
            Result { () throws(SegmentError) in
                try SegmentDraft(
                    in: directory,
                    header: bytes,
                    dataBytes: dataBytes,
                    mode: mode,
                    isReadOnly: isReadOnly,
                    lifetimeSeconds: lifetimeSeconds
                )
            }
        }.get()
        guard draft.dataOffset == dataOffset else {
            throw .unsupportedFormat("expected buffers from byte \(draft.dataOffset) on, they begin at \(dataOffset)")
        }
        let region = Region(byteOffset: dataOffset, itemByteCount: totalBytes - dataOffset, axes: [])
        try draft.fill(region, from: UnsafeRawPointer(mapping.base + dataOffset))
        try draft.publish(as: name, replacing: replacing, pinned: pinned, until: deadline)
    }
}

extension Result where Failure == SegmentError {
    fileprivate var isBusy: Bool {
        if case .failure(.busy) = self { return true }
        return false
    }
}
