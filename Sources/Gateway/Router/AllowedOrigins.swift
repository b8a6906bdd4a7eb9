internal import MicroHTTP

/// Which web pages of other origins may read answers (CORS); none unless an operator names them.
package struct AllowedOrigins: Sendable {
    private let origins: [String]
    /// Whether pages of all origins may.
    let areAll: Bool

    /// Nobody.
    package static let none = AllowedOrigins(origins: [], areAll: false)

    /// Origins as browsers spell them, `https://example.org` or `http://localhost:3000`, or `*` for all.
    ///
    /// Nil if one of them is neither.
    package init?(_ origins: [String]) {
        guard origins.allSatisfy({ $0 == "*" || Self.isOrigin($0) }) else { return nil }
        self.init(origins: origins.map { $0.lowercased() }, areAll: origins.contains("*"))
    }

    private init(origins: [String], areAll: Bool) {
        self.origins = origins
        self.areAll = areAll
    }

    /// A scheme, a host and perhaps a port; no path, no user, no query.
    private static func isOrigin(_ text: String) -> Bool {
        if text == "null" { return true }
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return false }
        return text.utf8.allSatisfy { (33...126).contains($0) } && !parts[1].contains { "/?#@,*\\".contains($0) }
    }

    /// Whether nobody is allowed, so that nothing is said about it.
    var isEmpty: Bool { origins.isEmpty }

    /// Whether a page of this origin may.
    func contains(_ origin: String) -> Bool { areAll || origins.contains(origin.lowercased()) }

    /// The fields of answers that pages may read beside those that they always may.
    private static let exposed =
        "Accept-Patch, Accept-Ranges, Allow, Content-Encoding, Content-Range, ETag, Location, Retry-After, "
        + "Server-Timing, Shm-Damaged, Shm-Dtype, Shm-Shape, WWW-Authenticate, X-Request-Id"

    /// Says in an answer that the page which asked may read it, and that answers differ by who asks.
    func apply(to response: inout Response, _ exchange: Exchange) {
        if isEmpty { return }
        if !areAll { response.vary(by: "Origin") }
        guard let origin = exchange.header("Origin"), contains(origin) else { return }
        response.headers.append(("Access-Control-Allow-Origin", areAll ? "*" : origin))
        response.headers.append(("Access-Control-Expose-Headers", Self.exposed))
    }

    /// The answer to a browser that asks whether a page may send a request, which it does before the request; nil if
    /// this is no such question, or of a page that may not.
    ///
    /// Pages of other networks may ask for a machine of this one, too: their origin was named.
    func answer(_ exchange: Exchange, methods: @autoclosure () throws -> [Method]) rethrows -> Response? {
        guard exchange.method == .options, let origin = exchange.header("Origin"), contains(origin),
            exchange.header("Access-Control-Request-Method") != nil
        else { return nil }
        var fields: [(StaticString, String)] = [
            ("Access-Control-Allow-Methods", try methods().map(\.rawValue).joined(separator: ", ")),
            ("Access-Control-Max-Age", "600"),
            ("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        let wanted = exchange.headers("Access-Control-Request-Headers").flatMap { $0.split(separator: ",") }.map(
            \.trimmed
        )
        let names = wanted.filter { !$0.isEmpty && $0.utf8.allSatisfy(Self.isInName) }
        let allowed = names.joined(separator: ", ")
        if !names.isEmpty, allowed.utf8.count <= Self.mostNameBytes {
            fields.append(("Access-Control-Allow-Headers", allowed))
        }
        if exchange.header("Access-Control-Request-Private-Network") == "true" {
            fields.append(("Access-Control-Allow-Private-Network", "true"))
        }
        return Response(status: 204, headers: fields)
    }

    /// No page has use for more, and the answer has to fit into a header block.
    private static let mostNameBytes = 4 << 10

    /// Whether a byte may stand in the name of a field.
    private static func isInName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
