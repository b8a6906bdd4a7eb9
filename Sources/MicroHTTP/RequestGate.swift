internal import CMicroHTTPD

/// The check of a header block that libmicrohttpd 0.9.75 does not make: whatever two parsers could read in two ways is
/// refused, for a proxy in front may have read it the other way.
struct RequestGate {
    /// How the block stands in memory.
    var layout: HeaderLayout?
    private var contentLengths = 0
    private var transferEncodings = 0
    private var isChunked = true
    private var hosts = 0
    /// How often each of ``singles`` was seen.
    private var counts: SIMD8<UInt8> = .zero
    private(set) var expectation = Expectation.none
    /// What the client calls the request, if it says so once and in a usable way.
    var requestID: RequestID? { requestIDs == 1 ? clientID : nil }
    private var clientID: RequestID?
    private var requestIDs = 0
    private var hasBadName = false
    private var hasBadValue = false
    private(set) var contentLength: UInt64?
    /// Whether the body comes in chunks.
    var hasChunks: Bool { transferEncodings > 0 }
    private var hasBadLength = false

    /// Looks at one field.
    mutating func see(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        layout?.see(name, value)
        if !name.isToken { hasBadName = true }
        if value.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) { hasBadValue = true }
        if name.isCaseless("content-length") {
            contentLengths += 1
            contentLength = UInt64(String(decoding: value, as: UTF8.self))
            if contentLength == nil || !value.allSatisfy({ (48...57).contains($0) }) { hasBadLength = true }
        } else if name.isCaseless("transfer-encoding") {
            transferEncodings += 1
            if !value.isCaseless("chunked") { isChunked = false }
        } else if name.isCaseless("host") {
            hosts += 1
        } else if name.isCaseless("expect") {
            let isKnown = value.isCaseless("100-continue") && expectation != .unknown
            expectation = isKnown ? .goOn : .unknown
        } else if name.isCaseless("x-request-id") {
            requestIDs += 1
            clientID = RequestID(value)
        } else if let index = Self.singles.firstIndex(where: { name.isCaseless($0) }) {
            counts[index] &+= counts[index] < 2 ? 1 : 0
        }
    }

    /// What the client waits for before it sends its body.
    enum Expectation {
        case none
        /// `100-continue`.
        case goOn
        /// Nothing that HTTP knows.
        case unknown
    }

    /// Fields of one value that are not about the connection: of two lines everybody may believe another.
    private static let singles: [StaticString] = [
        "content-type", "origin", "authorization", "range", "if-range", "content-encoding",
    ]

    /// Why the request has to be refused; nil if it may pass.
    func objection(version: String, target: UnsafeRawBufferPointer) -> String? {
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
            return "expected HTTP/1.0 or HTTP/1.1, got \(version)"
        }
        if contentLengths > 1 { return "expected one Content-Length, got \(contentLengths)" }
        if hasBadLength { return "expected digits for Content-Length" }
        if transferEncodings > 1 { return "expected one Transfer-Encoding, got \(transferEncodings)" }
        if transferEncodings == 1, !isChunked { return "expected chunked as the only Transfer-Encoding" }
        if transferEncodings == 1, contentLengths == 1 {
            return "expected Content-Length or Transfer-Encoding, got both"
        }
        if transferEncodings == 1, version == "HTTP/1.0" { return "expected no Transfer-Encoding from HTTP/1.0" }
        if hosts > 1 { return "expected one Host, got \(hosts)" }
        if hosts == 0, version == "HTTP/1.1" { return "expected a Host" }
        if let index = counts.indices.first(where: { counts[$0] > 1 }) {
            return "expected one field \(Self.singles[index]), got more"
        }
        if hasBadName { return "expected letters, digits and !#$%&'*+-.^_`|~ before the colon of a field" }
        if hasBadValue { return "expected no control characters in the value of a field" }
        if target.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            return "expected a target without spaces and control characters"
        }
        if let authority = RequestTarget(target).authority, authority.isEmpty || authority.first == UInt8(ascii: ":") {
            return "expected a host behind the scheme of the target"
        }
        if layout?.isWhole == false {
            return "expected one field in each line, every line ended by CR LF, no NUL, one space around the target"
        }
        return nil
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these bytes are a token of RFC 9110, which the name of a field has to be.
    fileprivate var isToken: Bool {
        !isEmpty
            && allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                // ! # $ % & ' * + - . ^ _ ` | ~
                case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
                default: false
                }
            }
    }

    /// Whether these bytes are a lower-case word, in letters of any case.
    func isCaseless(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        for index in 0..<count {
            let byte = self[index]
            let lower = (65...90).contains(byte) ? byte | 0x20 : byte
            if lower != word.utf8Start[index] { return false }
        }
        return true
    }
}
