internal import CSegment
internal import Glibc

/// The folder that a user's own things live in: `.shmgate-<uid>` below a directory, closed to everybody else.
///
/// It is made when the first file is stored. A folder that is there already has to belong to this user and be closed to
/// others; anything else is refused, for its files could be somebody else's.
package final class PrivateFolder: Sendable {
    private let directory: Int32
    private let name: String
    private let path: String
    /// What the names of files begin with that are not stored yet.
    static let temporaryPrefix = ".new-"

    /// Looks at the folder below a directory that exists; makes nothing yet.
    package convenience init(below path: String) throws(SegmentError) {
        let number = retrying { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard number >= 0 else { throw .system(SystemError("open \(path)")) }
        self.init(owning: number, path: path)
        try check()
    }

    /// The folder below an open directory, whose descriptor it closes; what is wrong with it, its uses tell.
    init(owning directory: Int32, path: String) {
        self.directory = directory
        name = ".shmgate-\(geteuid())"
        self.path = "\(path)/\(name)"
    }

    deinit { close(directory) }

    /// Refuses a folder that is there and is not this user's alone.
    package func check() throws(SegmentError) { _ = try open() }

    /// The files whose names have a prefix, with their contents.
    package func files(prefix: String) throws(SegmentError) -> [(name: String, bytes: [UInt8])] {
        guard let folder = try open() else { return [] }
        var files: [(String, [UInt8])] = []
        for file in try names(in: folder) where file.hasPrefix(prefix) {
            if case .success(let number) = FileDescriptor.open(file, in: folder.number, flags: O_RDONLY) {
                let descriptor = FileDescriptor(owning: number)
                if case .success(let status) = descriptor.status(), status.isRegular,
                    let bytes = descriptor.bytes(0..<status.size)
                {
                    files.append((file, bytes))
                }
            }
        }
        return files.sorted { $0.0 < $1.0 }
    }

    /// The names of all that is in it, in no order; none if it is not there.
    func names() throws(SegmentError) -> [String] {
        guard let folder = try open() else { return [] }
        return try names(in: folder)
    }

    private func names(in folder: borrowing FileDescriptor) throws(SegmentError) -> [String] {
        let again = retrying { openat(folder.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard again >= 0 else { throw .system(SystemError("open \(path)")) }
        guard let stream = fdopendir(again) else {
            let error = SystemError("fdopendir \(path)")
            close(again)
            throw .system(error)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
                }
            )
        }
        return names
    }

    /// What a file of the folder is; nil if it is not there.
    ///
    /// The folder is not checked for this: a lie about it would have to name a file that the caller knows.
    func status(of file: String) -> FileStatus? {
        var raw = stat()
        return fstatat(directory, "\(name)/\(file)", &raw, AT_SYMLINK_NOFOLLOW) == 0 ? FileStatus(raw) : nil
    }

    /// Stores a file, whole or not at all.
    package func store(_ bytes: [UInt8], as file: String) throws(SegmentError) {
        let folder = try openOrMake()
        let temporary = Self.temporaryPrefix + UUID.random().hexadecimal
        let number: Int32
        switch FileDescriptor.open(temporary, in: folder.number, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600) {
        case .success(let value): number = value
        case .failure(let error): throw refusal(error)
        }
        let descriptor = FileDescriptor(owning: number)
        Failpoint.pass("new file of the private folder")
        // Held until the descriptor closes; a sweeper may have come between creation and lock.
        guard descriptor.tryLock(F_WRLCK), descriptor.isNamed(temporary, in: folder.number) else {
            throw .busy("another process swept the new file \(temporary) away")
        }
        Failpoint.pass("lock of the private folder's new file")
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(number, $0.baseAddress.map { $0 + done }, $0.count - done, done)
            }
            if count > 0 {
                done += count
                Failpoint.pass("pwrite in the private folder")
            } else if count == 0 || errno != EINTR {
                let error = SystemError("pwrite", count == 0 ? ENOSPC : errno)
                unlinkat(folder.number, temporary, 0)
                throw refusal(error)
            }
        }
        _ = fsync(descriptor.number)
        Failpoint.pass("fsync in the private folder")
        let code = shmgate_rename_over(folder.number, temporary, file)
        if code != 0 {
            unlinkat(folder.number, temporary, 0)
            throw .system(SystemError("renameat", code))
        }
        Failpoint.pass("rename in the private folder")
        _ = fsync(folder.number)
        Failpoint.pass("fsync of the private folder")
    }

    /// Removes a file; one that is gone already is no matter.
    package func remove(_ file: String) throws(SegmentError) {
        guard let folder = try open() else { return }
        if unlinkat(folder.number, file, 0) != 0, errno != ENOENT { throw .system(SystemError("unlinkat")) }
        Failpoint.pass("unlink in the private folder")
    }

    /// What a call that failed means for whoever stores something.
    func refusal(_ error: SystemError) -> SegmentError {
        switch error.code {
        case EACCES, EPERM, EROFS: .forbidden("the private folder \(name) cannot be written to: \(error)")
        case ENOSPC, ENOMEM, EDQUOT, EFBIG: .outOfSpace("there is no room in the private folder \(name): \(error)")
        default: .system(error)
        }
    }

    func openOrMake() throws(SegmentError) -> FileDescriptor {
        if let folder = try open() { return folder }
        if mkdirat(directory, name, 0o700) != 0, errno != EEXIST { throw refusal(SystemError("mkdirat")) }
        Failpoint.pass("private folder")
        guard let folder = try open() else { throw .forbidden("the folder \(path) was taken away while it was made") }
        return folder
    }

    /// Opens the folder and checks whose it is; nil if it is not there.
    func open() throws(SegmentError) -> FileDescriptor? {
        let number = retrying { openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        guard number >= 0 else {
            if errno == ENOENT { return nil }
            throw .forbidden("expected the folder \(path) to be a directory of this user, got \(SystemError("openat"))")
        }
        let folder = FileDescriptor(owning: number)
        guard case .success(let status) = folder.status() else { throw .system(SystemError("fstat")) }
        guard status.uid == geteuid(), status.mode & 0o077 == 0 else {
            throw .forbidden(
                "expected the folder \(path) to belong to user \(geteuid()) with mode 0700, "
                    + "it belongs to \(status.uid) with mode \(String(status.mode, radix: 8))"
            )
        }
        return folder
    }
}
