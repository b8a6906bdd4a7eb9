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
        if let host = exchange.authority { try requireLocal(host) }
        if let host = exchange.header("Host") { try requireLocal(host) }
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

    private static func requireLocal(_ host: String) throws(Problem) {
        if isLocal(host[...]) { return }
        throw Problem(.forbidden, "expected localhost, 127.0.0.1 or [::1] as Host, got \(host)")
    }

    /// Whether this is one of the three names, with or without a port.
    private static func isLocal(_ authority: Substring) -> Bool {
        var authority = authority
        return authority.withUTF8 { bytes in names.contains { isName($0, bytes) } }
    }

    /// Each request comes here: a loop over bytes costs a tenth of what sequences cost.
    private static func isName(_ name: StaticString, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let count = name.utf8CodeUnitCount
        guard count <= bytes.count else { return false }
        for index in 0..<count {
            let byte = bytes[index]
            let isUpper = 65 <= byte && byte <= 90
            if name.utf8Start[index] != (isUpper ? byte | 0x20 : byte) { return false }
        }
        if bytes.count == count { return true }
        return bytes[count] == UInt8(ascii: ":") && bytes[(count + 1)...].allSatisfy { 48 <= $0 && $0 <= 57 }
    }

    private static let names: [StaticString] = ["localhost", "127.0.0.1", "[::1]"]
}
