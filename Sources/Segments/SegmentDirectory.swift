internal import CSegment
internal import Glibc

/// A tmpfs directory whose files are segments.
///
/// It owns nothing: segments outlive it and the process. All methods may be called from any thread.
public final class SegmentDirectory: Sendable {
    /// The path that it was opened by.
    public let path: String
    let descriptor: Int32
    /// Where the pins of its segments are.
    package let privateFolder: PrivateFolder
    let spares = StagingSpares()

    /// Opens a directory that exists.
    public init(path: String) throws(SegmentError) {
        let number = retrying { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard number >= 0 else { throw .system(SystemError("open \(path)")) }
        let again = retrying { openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard again >= 0 else {
            let error = SystemError("open \(path)")
            close(number)
            throw .system(error)
        }
        self.path = path
        descriptor = number
        privateFolder = PrivateFolder(owning: again, path: path)
    }

    deinit {
        spares.drop()
        close(descriptor)
    }

    /// Opens and maps a segment, for writing too where its mode allows that.
    public func load(_ name: SegmentName) throws(SegmentError) -> Segment {
        let (number, writable): (Int32, Bool)
        switch FileDescriptor.openAsAllowed(name.description, in: descriptor) {
        case .success(let opened): (number, writable) = opened
        case .failure(let error): throw .from(error, name: name.description)
        }
        let file = FileDescriptor(owning: number)
        let status = try Self.check(file.status(), name)
        // The control page and a page of the header in one call.
        guard status.isRegular, let bytes = file.bytes(0..<min(2 * ControlPage.pageBytes, status.size)) else {
            throw .noSuchSegment(name.description)
        }
        let page = try Self.controlPage(bytes, status, name)
        return try Segment(
            name,
            in: self,
            file: file,
            status: status,
            page: page,
            beginning: bytes,
            writable: writable
        )
    }

    /// The names of the files that may be segments, in order; what each of them is, ``load(_:)`` tells.
    public func names() throws(SegmentError) -> [SegmentName] {
        try fileNames().compactMap { try? SegmentName($0) }.sorted()
    }

    /// The names of the files that belong to drafts and journals.
    func temporaryNames() throws(SegmentError) -> [String] {
        try fileNames().filter { $0.hasPrefix(".shmgate-") }
    }

    private func fileNames() throws(SegmentError) -> [String] {
        let number = retrying { openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard number >= 0 else { throw .system(SystemError("open")) }
        guard let stream = fdopendir(number) else {
            close(number)
            throw .system(SystemError("fdopendir"))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            guard entry.pointee.d_type == DT_REG || entry.pointee.d_type == DT_UNKNOWN else { continue }
            let text = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            names.append(text)
        }
        return names
    }

    /// The size of the file system and what is free of it, in bytes.
    ///
    /// The corresponding C function is `fstatvfs`.
    public func capacity() throws(SegmentError) -> (totalBytes: Int, freeBytes: Int) {
        var raw = statvfs()
        guard fstatvfs(descriptor, &raw) == 0 else { throw .system(SystemError("fstatvfs")) }
        return (Int(raw.f_blocks) * Int(raw.f_frsize), Int(raw.f_bavail) * Int(raw.f_frsize))
    }

    /// Whether a name leads to anything, a segment or not.
    package func isTaken(_ name: SegmentName) throws(SegmentError) -> Bool { try status(of: name) != nil }

    /// What a name leads to now; nil if to nothing.
    func status(of name: SegmentName) throws(SegmentError) -> FileStatus? {
        var raw = stat()
        let found = name.description.withCString { fstatat(descriptor, $0, &raw, AT_SYMLINK_NOFOLLOW) }
        if found == 0 { return FileStatus(raw) }
        if errno == ENOENT { return nil }
        throw .from(SystemError("fstatat"), name: name.description)
    }

    private static func check(
        _ status: Result<FileStatus, SystemError>,
        _ name: SegmentName
    ) throws(SegmentError) -> FileStatus {
        switch status {
        case .success(let status): return status
        case .failure(let error): throw .from(error, name: name.description)
        }
    }

    private static func controlPage(
        _ bytes: [UInt8],
        _ status: FileStatus,
        _ name: SegmentName
    ) throws(SegmentError) -> ControlPage {
        let page: Result<ControlPage, SegmentError> = bytes.withUnsafeBytes { raw in
            Result { () throws(SegmentError) in try ControlPage(reading: raw, fileSize: status.size, name: name) }
        }
        return try page.get()
    }
}

extension SegmentDirectory {
    /// Makes a temporary file and holds the lock that tells sweepers to keep off while this process lives.
    func createTemporary(_ name: String) throws(SegmentError) -> FileDescriptor {
        switch FileDescriptor.open(name, in: descriptor, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600) {
        case .failure(let error): throw .from(error, name: name)
        case .success(let number):
            let file = FileDescriptor(owning: number)
            Failpoint.pass("temporary file")
            // A sweeper may have come between creation and lock.
            guard file.tryLock(F_WRLCK), isLinked(name, file) else {
                throw .busy("another process swept the new file \(name) away")
            }
            Failpoint.pass("temporary file's lock")
            return file
        }
    }

    /// Whether a name still leads to an open file.
    func isLinked(_ name: String, _ file: borrowing FileDescriptor) -> Bool { file.isNamed(name, in: descriptor) }

    /// Removes a temporary file; one that is gone already is no matter.
    func unlinkTemporary(_ name: String) {
        _ = unlinkat(descriptor, name, 0)
        Failpoint.pass("unlink of the temporary file")
    }
}
