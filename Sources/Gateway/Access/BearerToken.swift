internal import MicroHTTP
internal import Secrets

/// A token as RFC 6750 has it in `Authorization: Bearer`.
package enum BearerToken {
    /// The characters of a token, in words.
    static let alphabet = "letters, digits and -._~+/, with = at its end"

    /// Whether this is a token.
    static func isToken(_ text: some StringProtocol) -> Bool {
        let characters = Array(text.utf8)
        let end = characters.lastIndex { $0 != UInt8(ascii: "=") }.map { $0 + 1 } ?? 0
        return (1...1_024).contains(characters.count) && end > 0
            && characters[..<end].allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "-._~+/".utf8.contains(byte)
                }
            }
    }

    /// The token of a request; nil if it has none.
    static func read(_ exchange: Exchange) throws(Problem) -> String? {
        guard let value = exchange.header("Authorization") else { return nil }
        let words = value.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer", isToken(words[1].trimmed) else {
            throw unauthorized("expected Authorization: Bearer and a token, got something else", "invalid_request")
        }
        return String(words[1].trimmed)
    }

    /// Nobody is told more than that: not whether a token was good once, nor what it might have been for.
    static func unauthorized(_ detail: String, _ error: String? = nil) -> Problem {
        let reason = error.map { ", error=\"\($0)\"" } ?? ""
        return Problem(.unauthorized, detail, headers: [("WWW-Authenticate", "Bearer realm=\"shmgate\"\(reason)")])
    }

    /// A new token, and its line for the file.
    package static func make(id: String, rights: Rights, prefix: String) -> (token: String, line: String) {
        let token = Secret.random(byteCount: 32)
        let salt = Secret.random(byteCount: 16)
        let digest = Digest(salt: salt.utf8, secret: token.utf8).hex
        return (token, "\(id) sha256:\(salt):\(digest) \(rights.text) \(prefix.isEmpty ? "*" : prefix)")
    }
}
