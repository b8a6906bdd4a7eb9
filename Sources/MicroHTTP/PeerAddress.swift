internal import CMicroHTTPD
internal import Glibc

/// Who is at the other end of a connection, as far as counting goes.
enum PeerAddress: Hashable, Sendable {
    case ipv4(UInt32)
    /// The first 64 bits: a host has a whole network of the rest to itself.
    case ipv6(UInt64)
    /// A user of this machine, at the other end of a Unix-domain socket.
    case user(UInt32)
    /// Nobody that an address would tell from others.
    case other

    /// Of the address of a client, and the socket that leads to it.
    init(_ address: UnsafePointer<sockaddr>?, _ descriptor: Int32) {
        guard let address = UnsafeRawPointer(address) else {
            self = .other
            return
        }
        switch Int32(address.load(as: sockaddr.self).sa_family) {
        case AF_INET: self = .ipv4(UInt32(bigEndian: address.load(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6:
            let bytes = address.load(as: sockaddr_in6.self).sin6_addr
            self = .ipv6(withUnsafeBytes(of: bytes) { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) })
        case AF_UNIX:
            var user: UInt32 = 0
            self = cmicrohttpd_peer_user(descriptor, &user) == 0 ? .user(user) : .other
        default: self = .other
        }
    }
}

extension PeerAddress {
    /// Whether no network is between a TCP client and this end of its connection: loopback, or one address for both.
    static func isOwn(_ address: UnsafePointer<sockaddr>, _ descriptor: Int32) -> Bool {
        if isLoopback(address) { return Int32(address.pointee.sa_family) != AF_UNIX }
        var own = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        return withUnsafeMutablePointer(to: &own) { own in
            own.withMemoryRebound(to: sockaddr.self, capacity: 1) { own in
                getsockname(descriptor, own, &size) == 0 && isSame(own, address)
            }
        }
    }

    private static func isSame(_ one: UnsafePointer<sockaddr>, _ other: UnsafePointer<sockaddr>) -> Bool {
        guard one.pointee.sa_family == other.pointee.sa_family else { return false }
        let (one, other) = (UnsafeRawPointer(one), UnsafeRawPointer(other))
        switch Int32(one.load(as: sockaddr.self).sa_family) {
        case AF_INET:
            return one.load(as: sockaddr_in.self).sin_addr.s_addr == other.load(as: sockaddr_in.self).sin_addr.s_addr
        case AF_INET6:
            var (mine, theirs) = (
                one.load(as: sockaddr_in6.self).sin6_addr, other.load(as: sockaddr_in6.self).sin6_addr
            )
            return memcmp(&mine, &theirs, MemoryLayout<in6_addr>.size) == 0
        default: return false
        }
    }

    /// Whether an address is one of this machine's loopback, or none that a network has.
    static func isLoopback(_ address: UnsafePointer<sockaddr>?) -> Bool {
        guard let address = UnsafeRawPointer(address) else { return false }
        switch Int32(address.load(as: sockaddr.self).sa_family) {
        case AF_INET: return UInt32(bigEndian: address.load(as: sockaddr_in.self).sin_addr.s_addr) >> 24 == 127
        case AF_INET6:
            let bytes = address.load(as: sockaddr_in6.self).sin6_addr
            let (high, low) = withUnsafeBytes(of: bytes) {
                (
                    UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            // ::1, or ::ffff:127.0.0.0/8
            return high == 0 && (low == 1 || low >> 24 == 0xFFFF_7F)
        case AF_UNIX: return true
        default: return false
        }
    }
}

extension PeerAddress {
    /// An address and a port as people write them; `unix` where there is no network.
    static func text(_ address: UnsafePointer<sockaddr>?) -> String {
        guard let address = UnsafeRawPointer(address) else { return "unknown" }
        switch Int32(address.load(as: sockaddr.self).sa_family) {
        case AF_INET:
            var inet = address.load(as: sockaddr_in.self)
            let host = withUnsafeBytes(of: &inet.sin_addr) { $0.map { "\($0)" }.joined(separator: ".") }
            return "\(host):\(UInt16(bigEndian: inet.sin_port))"
        case AF_INET6:
            var inet = address.load(as: sockaddr_in6.self)
            var host = [CChar](repeating: 0, count: 64)
            inet_ntop(AF_INET6, &inet.sin6_addr, &host, socklen_t(host.count))
            let digits = host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return "[\(String(decoding: digits, as: UTF8.self))]:\(UInt16(bigEndian: inet.sin6_port))"
        case AF_UNIX: return "unix"
        default: return "unknown"
        }
    }
}
