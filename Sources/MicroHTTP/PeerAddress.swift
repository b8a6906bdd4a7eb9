internal import CMicroHTTPD
internal import Glibc

/// Who is at the other end of a connection, as far as counting goes.
enum PeerAddress: Hashable, Sendable {
    case ipv4(UInt32)
    /// The first 64 bits: a host has a whole network of the rest to itself.
    case ipv6(UInt64)
    /// Nobody that an address would tell from others.
    case other

    init(_ address: UnsafePointer<sockaddr>?) {
        guard let address = UnsafeRawPointer(address) else {
            self = .other
            return
        }
        switch Int32(address.load(as: sockaddr.self).sa_family) {
        case AF_INET: self = .ipv4(UInt32(bigEndian: address.load(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6:
            let bytes = address.load(as: sockaddr_in6.self).sin6_addr
            self = .ipv6(withUnsafeBytes(of: bytes) { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) })
        default: self = .other
        }
    }
}
