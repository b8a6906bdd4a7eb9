internal import CMicroHTTPD
internal import Glibc

/// Where to listen: `HOST:PORT`, with IPv6 addresses in brackets, or `unix:PATH`.
package enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A name or a numeric address, and the port; 0 takes any that is free.
    case tcp(host: String, port: UInt16)
    /// The file of a Unix-domain socket.
    case unix(path: String)

    /// Reads `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`, `unix:/run/shmgate.sock`; nil for anything else.
    package init?(_ text: String) {
        let scheme = "unix:"
        if text.hasPrefix(scheme) {
            let path = String(text.dropFirst(scheme.count))
            guard !path.isEmpty, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
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
        self = .tcp(host: String(host), port: port)
    }

    /// As it is written.
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether it is a Unix-domain socket, which the permissions of its file and directory guard.
    package var isUnix: Bool {
        if case .unix = self { return true }
        return false
    }

    /// Whether only this machine can reach it: a Unix-domain socket, `localhost`, `::1` and `127.0.0.0/8`, in any
    /// spelling of the address.
    ///
    /// Any other name is not, wherever it leads: a name says nothing of what it will be resolved to.
    package var isLocal: Bool {
        guard case .tcp(let host, _) = self else { return true }
        if host == "localhost" { return true }
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let found = list?.pointee else { return false }
        defer { freeaddrinfo(list) }
        return PeerAddress.isLoopback(found.ai_addr)
    }

    /// The address to connect to where a gateway listens on this one: on all addresses is on loopback, too.
    package var reachable: ListenAddress {
        switch self {
        case .tcp("0.0.0.0", let port): .tcp(host: "127.0.0.1", port: port)
        case .tcp("::", let port): .tcp(host: "::1", port: port)
        default: self
        }
    }
}
