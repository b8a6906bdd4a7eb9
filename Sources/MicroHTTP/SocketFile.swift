internal import CMicroHTTPD
internal import Glibc

/// A Unix-domain socket that listens, and its file.
///
/// A file that a dead process left behind is removed first; one on which somebody listens is not, nor is a file that is
/// no socket. Who starts at the same time waits meanwhile: the directory is locked.
struct SocketFile {
    /// The socket, listening.
    let descriptor: Int32
    private let path: String
    private let device: UInt
    private let inode: UInt

    /// Makes both; the file has these permission bits from its first moment on.
    init(_ path: String, mode: UInt32) throws(ServerError) {
        let address = ListenAddress.unix(path: path).description
        guard var place = Self.place(path) else {
            throw .badSocketFile("expected a path of at most \(Self.longest) bytes for a socket, got \(path)")
        }
        let lock = open(Self.directory(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else {
            throw .badSocketFile("expected a directory for the socket \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(lock) }
        flock(lock, LOCK_EX)
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", code: errno) }
        // Before it has a name, so that nobody connects whom the mode keeps out; the umask may take bits away.
        fchmod(descriptor, mode)
        do throws(ServerError) {
            try Self.clear(path, &place)
            let code = Self.bind(descriptor, &place)
            switch code {
            case 0: break
            case EADDRINUSE: throw .addressInUse(address)
            case EACCES, EPERM, EROFS: throw .notPermitted(address)
            default: throw .system(call: "bind", code: code)
            }
            chmod(path, mode)
            guard listen(descriptor, 4_096) == 0 else { throw .system(call: "listen", code: errno) }
        } catch {
            close(descriptor)
            throw error
        }
        var status = stat()
        lstat(path, &status)
        self.path = path
        (device, inode) = (UInt(status.st_dev), UInt(status.st_ino))
    }

    /// Removes the file, unless another one has its name by now.
    func remove() {
        var status = stat()
        guard lstat(path, &status) == 0, UInt(status.st_dev) == device, UInt(status.st_ino) == inode else { return }
        unlink(path)
    }

    /// Removes a socket's file on which nobody listens any more.
    private static func clear(_ path: String, _ place: inout sockaddr_un) throws(ServerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .badSocketFile("expected a socket at \(path), or nothing, got a file of another kind; it stays")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw .system(call: "socket", code: errno) }
        defer { close(probe) }
        // A full queue is EAGAIN: somebody listens there, too.
        guard connect(probe, &place) == ECONNREFUSED else { throw .addressInUse("unix:\(path)") }
        if unlink(path) != 0, errno != ENOENT { throw .notPermitted("unix:\(path)") }
    }

    /// The longest path that an address has room for, its end included.
    private static let longest = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// The address of a path; nil if it is too long.
    static func place(_ path: String) -> sockaddr_un? {
        var place = sockaddr_un()
        place.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count <= longest else { return nil }
        withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: path.utf8) }
        return place
    }

    /// The path of an address that the kernel gave, so many bytes in all; `@` stands for the zero of one without a file.
    static func path(_ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> String {
        let count = Int(size) - MemoryLayout<sa_family_t>.size
        guard count > 0 else { return "" }
        let bytes = UnsafeRawBufferPointer(
            start: UnsafeRawPointer(address) + MemoryLayout<sa_family_t>.size,
            count: count
        )
        if bytes[0] == 0 { return "@" + String(decoding: bytes.dropFirst(), as: UTF8.self) }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Connects a socket; 0, or what went wrong.
    static func connect(_ descriptor: Int32, _ place: inout sockaddr_un) -> Int32 {
        withAddress(&place) { Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    private static func bind(_ descriptor: Int32, _ place: inout sockaddr_un) -> Int32 {
        withAddress(&place) { Glibc.bind(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    private static func withAddress(
        _ place: inout sockaddr_un,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &place) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
