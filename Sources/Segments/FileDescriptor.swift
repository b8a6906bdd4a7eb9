internal import CSegment
internal import Glibc

/// An open file that closes with its owner.
struct FileDescriptor: ~Copyable {
    let number: Int32

    init(owning number: Int32) { self.number = number }

    deinit { _ = Glibc.close(number) }

    /// Opens a name in a directory, never through a symbolic link and never waiting for the other end of a FIFO.
    ///
    /// The corresponding C function is `openat`.
    static func open(_ name: String, in directory: Int32, flags: Int32, mode: mode_t = 0) -> Result<Int32, SystemError>
    {
        let number = retrying {
            openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode)
        }
        return number >= 0 ? .success(number) : .failure(SystemError("open"))
    }

    /// Opens a name for writing too where its mode allows that, else for reading; tells which.
    static func openAsAllowed(
        _ name: String,
        in directory: Int32
    ) -> Result<(number: Int32, isWritable: Bool), SystemError> {
        switch open(name, in: directory, flags: O_RDWR) {
        case .success(let number): return .success((number, true))
        case .failure(let error):
            guard error.code == EACCES || error.code == EROFS || error.code == EPERM else { return .failure(error) }
        }
        return open(name, in: directory, flags: O_RDONLY).map { ($0, false) }
    }

    /// What the open file is.
    ///
    /// The corresponding C function is `fstat`.
    func status() -> Result<FileStatus, SystemError> {
        var raw = stat()
        return fstat(number, &raw) == 0 ? .success(FileStatus(raw)) : .failure(SystemError("fstat"))
    }

    /// Reserves the bytes of a range and grows an open file to hold them; they read as zero.
    ///
    /// The corresponding C function is `posix_fallocate`.
    static func reserve(_ number: Int32, from offset: Int, count: Int) -> Result<Void, SystemError> {
        while true {
            let code = posix_fallocate(number, offset, count)
            if code == 0 { return .success(()) }
            if code != EINTR { return .failure(SystemError("posix_fallocate", code)) }
        }
    }

    /// Takes or frees one of the two locks of a segment without waiting.
    ///
    /// The corresponding C function is `fcntl` with `F_OFD_SETLK`.
    func tryLock(_ type: Int32, start: Int32 = lockStart) -> Bool {
        shmgate_lock_range(number, F_OFD_SETLK, Int16(type), start) == 0
    }

    /// Whether a name in a directory leads to this very file still.
    func isNamed(_ name: String, in directory: Int32) -> Bool {
        var raw = stat()
        guard fstatat(directory, name, &raw, AT_SYMLINK_NOFOLLOW) == 0, case .success(let mine) = status() else {
            return false
        }
        return FileStatus(raw).isSameFile(as: mine)
    }
}

/// The first byte of the write lock.
let lockStart = Int32(SHMGATE_LOCK_START)
/// The first byte of the turnstile.
let turnstileStart = Int32(SHMGATE_TURNSTILE_START)

/// The part of `struct stat` that segments are judged by.
public struct FileStatus: Sendable {
    /// The device that the file lives on.
    public let device: UInt64
    /// The number of the file on its device.
    public let inode: UInt64
    /// The size in bytes.
    public let size: Int
    /// The bytes of the file that there is memory for: a sparse file has a size that it does not hold.
    let heldBytes: Int
    /// The permission bits.
    public let mode: UInt32
    /// The owner.
    public let uid: UInt32
    /// The group.
    public let gid: UInt32
    /// Whether it is a regular file.
    public let isRegular: Bool
    /// How many names lead to it: a pinned segment has two.
    package let linkCount: Int

    init(_ raw: stat) {
        device = UInt64(raw.st_dev)
        inode = UInt64(raw.st_ino)
        size = Int(raw.st_size)
        heldBytes = min(Int(raw.st_size), Int(raw.st_blocks) * 512)
        mode = raw.st_mode & 0o7777
        uid = raw.st_uid
        gid = raw.st_gid
        isRegular = raw.st_mode & S_IFMT == S_IFREG
        linkCount = Int(raw.st_nlink)
    }

    /// Whether both are the same file.
    public func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}

/// Repeats a call that a signal interrupted.
func retrying(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
