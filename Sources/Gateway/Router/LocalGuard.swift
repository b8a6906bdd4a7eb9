internal import MicroHTTP

/// Keeps web pages of strangers away from a gateway that only this machine should reach.
///
/// A page can point a name of its own at 127.0.0.1 (DNS rebinding) or post a form there; its browser then says so in
/// `Host` or `Origin`. A target in absolute form names the host too, and that one counts for whoever reads HTTP by the
/// letter. What a page embeds, an image or a frame, is asked for without `Origin`; browsers say that in `Sec-Fetch-Site`.
enum LocalGuard {
    /// Refuses a request whose `Host` is not this machine by one of its own names, whose `Origin` is not and was not
    /// allowed either, or that a page of another site embeds.
    static func check(_ exchange: Exchange, _ allowed: AllowedOrigins) throws(Problem) {
        for host in [exchange.authority, exchange.header("Host")].compactMap(\.self) where !isLocal(host[...]) {
            throw Problem(.forbidden, "expected localhost, 127.0.0.1 or [::1] as Host, got \(host)")
        }
        if let origin = exchange.header("Origin") {
            let host = origin.split(separator: "://", maxSplits: 1).last ?? ""
            guard allowed.contains(origin) || origin.contains("://") && isLocal(host) else {
                throw Problem(.forbidden, "expected an Origin of this machine, got \(origin)")
            }
        } else if exchange.header("Sec-Fetch-Site") == "cross-site", !isFollowed(exchange), !allowed.areAll {
            throw Problem(.forbidden, "expected no page of another site to embed this")
        }
    }

    /// Whether somebody followed a link, so that the answer is all that he sees.
    private static func isFollowed(_ exchange: Exchange) -> Bool {
        exchange.header("Sec-Fetch-Mode") == "navigate" && exchange.header("Sec-Fetch-Dest") == "document"
    }

    /// Whether this is one of the three names, with or without a port.
    private static func isLocal(_ authority: Substring) -> Bool {
        let bytes = authority.utf8
        for name in names where name.utf8CodeUnitCount <= bytes.count {
            let start = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            guard zip(bytes, start).allSatisfy({ $0 == $1 || (65...90).contains($0) && $0 | 0x20 == $1 }) else {
                continue
            }
            let rest = bytes.dropFirst(start.count)
            if rest.isEmpty { return true }
            return rest.first == UInt8(ascii: ":") && rest.dropFirst().allSatisfy { (48...57).contains($0) }
        }
        return false
    }

    private static let names: [StaticString] = ["localhost", "127.0.0.1", "[::1]"]
}
