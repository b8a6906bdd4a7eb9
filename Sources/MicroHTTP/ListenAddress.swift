internal import CMicroHTTPD
internal import Glibc

/// Where to listen: `HOST:PORT`, with IPv6 addresses in brackets.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A name or a numeric address.
    package let host: String
    /// The port; 0 takes any that is free.
    package let port: UInt16

    /// Reads `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits) else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        if host.isEmpty { return nil }
        self.host = String(host)
        self.port = port
    }

    /// As it is written.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether only this machine can reach it: `localhost`, `::1` and `127.0.0.0/8`, in any spelling of the address.
    ///
    /// Any other name is not, wherever it leads: a name says nothing of what it will be resolved to.
    package var isLoopback: Bool {
        if host == "localhost" { return true }
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let found = list?.pointee else { return false }
        defer { freeaddrinfo(list) }
        guard let address = UnsafeRawPointer(found.ai_addr) else { return false }
        if found.ai_family == AF_INET {
            return UInt32(bigEndian: address.load(as: sockaddr_in.self).sin_addr.s_addr) >> 24 == 127
        }
        return withUnsafeBytes(of: address.load(as: sockaddr_in6.self).sin6_addr) { bytes in
            bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
        }
    }
}

/// Why a server did not start.
package enum ServerError: Error, Equatable, CustomStringConvertible {
    /// The address is no address of this machine.
    case badAddress(String)
    /// Somebody else listens there.
    case addressInUse(String)
    /// The port needs a privilege.
    case notPermitted(String)
    /// libmicrohttpd did not start.
    case noDaemon
    /// A system call failed.
    case system(call: String, code: Int32)

    /// One sentence for people.
    package var description: String {
        switch self {
        case .badAddress(let address): "expected an address of this machine to listen on, got \(address)"
        case .addressInUse(let address): "another process listens on \(address)"
        case .notPermitted(let address): "this user may not listen on \(address)"
        case .noDaemon: "libmicrohttpd did not start"
        case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
        }
    }
}

/// A socket that listens, and the port that it got.
struct ListeningSocket {
    let descriptor: Int32
    let port: Int

    /// Opens, binds and listens.
    init(_ address: ListenAddress) throws(ServerError) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, "\(address.port)", &hints, &list) == 0, let first = list else {
            throw .badAddress(address.description)
        }
        defer { freeaddrinfo(list) }
        let found = first.pointee
        descriptor = socket(
            found.ai_family,
            found.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { throw .system(call: "socket", code: errno) }
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
        port = Self.port(of: descriptor)
    }

    private static func port(of descriptor: Int32) -> Int {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
            // Family and port stand at the same place for both kinds of address.
            return storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                Int(UInt16(bigEndian: $0.pointee.sin_port))
            }
        }
    }
}

/// Sets an integer option of a socket; one that the kernel does not know is no matter.
func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}
