internal import CMicroHTTPD
internal import Glibc

/// A socket that listens, and the address that it got.
struct ListeningSocket {
    let descriptor: Int32
    /// The real one: the port that it got where 0 was asked for.
    let address: ListenAddress
    /// Whether what is said on it is encrypted.
    let isSecure: Bool
    /// The file that was made for it; nil where there is none, or somebody else owns it.
    private let file: SocketFile?

    /// Opens, binds and listens.
    ///
    /// The file of a Unix-domain socket gets these permission bits.
    init(_ address: ListenAddress, fileMode: UInt32, isSecure: Bool) throws(ServerError) {
        switch address {
        case .tcp(let host, let port):
            file = nil
            self.isSecure = isSecure
            descriptor = try Self.internet(host, port, address)
        case .unix(let path):
            let file = try SocketFile(path, mode: fileMode)
            self.file = file
            self.isSecure = false
            descriptor = file.descriptor
        }
        self.address = Self.address(of: descriptor) ?? address
    }

    /// Takes a socket that another process made and listens on for this one, such as systemd.
    init(inherited descriptor: Int32, isSecure: Bool) throws(ServerError) {
        address = try Self.inheritedAddress(descriptor)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.descriptor = descriptor
        self.isSecure = isSecure && !address.isUnix
        file = nil
    }

    /// The address of such a socket.
    static func inheritedAddress(_ descriptor: Int32) throws(ServerError) -> ListenAddress {
        func option(_ name: Int32) -> Int32? {
            var value: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
        }
        guard option(SO_TYPE) == Int32(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN) == 1,
            let address = Self.address(of: descriptor)
        else {
            throw .badInheritance(
                "expected a stream socket that listens as descriptor \(descriptor), which was handed over, got none"
            )
        }
        return address
    }

    /// Listens no more; the file that was made for it goes, unless another socket has its name by now.
    func end() {
        file?.remove()
        close(descriptor)
    }

    /// The port; 0 for a Unix-domain socket.
    var port: Int {
        if case .tcp(_, let port) = address { return Int(port) }
        return 0
    }

    /// What a client writes in front of a path.
    var url: String {
        switch address {
        case .tcp: "\(isSecure ? "https" : "http")://\(address)"
        case .unix: "\(address)"
        }
    }

    private static func internet(
        _ host: String,
        _ port: UInt16,
        _ address: ListenAddress
    ) throws(ServerError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &list) == 0, let first = list else {
            throw .badAddress(address.description)
        }
        defer { freeaddrinfo(list) }
        let found = first.pointee
        let kind = found.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(found.ai_family, kind, 0)
        guard descriptor >= 0 else {
            // A machine without IPv6 has no such sockets.
            if errno == EAFNOSUPPORT { throw .badAddress(address.description) }
            throw .system(call: "socket", code: errno)
        }
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if found.ai_family == AF_INET6 { setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        guard bind(descriptor, found.ai_addr, found.ai_addrlen) == 0, listen(descriptor, 4_096) == 0 else {
            let code = errno
            close(descriptor)
            switch code {
            case EADDRINUSE: throw .addressInUse(address.description)
            case EADDRNOTAVAIL: throw .badAddress(address.description)
            case EACCES, EPERM: throw .notPermitted(address.description)
            default: throw .system(call: "bind", code: code)
            }
        }
        return descriptor
    }

    /// The address that a socket has; nil for a family that no gateway listens on.
    private static func address(of descriptor: Int32) -> ListenAddress? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard getsockname(descriptor, address, &size) == 0 else { return nil }
                if Int32(address.pointee.sa_family) == AF_UNIX { return .unix(path: SocketFile.path(address, size)) }
                return ListenAddress(PeerAddress.text(address))
            }
        }
    }
}

/// Sets an integer option of a socket; one that the kernel does not know is no matter.
func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}
