internal import Secrets

/// Why a file of tokens cannot be used: the line, and what was expected; never what stands there, for it may be secret.
package struct TokenFileError: Error, Equatable, CustomStringConvertible {
    /// The first line is 1.
    package let line: Int
    /// What is wrong with it.
    package let expected: String

    /// One sentence for people.
    package var description: String { "line \(line): expected \(expected)" }
}

/// A file of tokens: a line for each, `<id> <secret> <rights> <prefix>`; `#` starts a comment.
///
/// A secret is `plain:<token>` or `sha256:<salt>:<hex>`, the SHA-256 of the salt's characters and the token behind them.
/// In its place may stand what a connection proves by itself: `uid:<number>`, the user at the other end of a Unix-domain
/// socket, or `cert:<hex>`, the SHA-256 of the certificate that a client shows.
struct TokenFile {
    /// How somebody shows who he is.
    enum Proof: Equatable {
        case token(salt: String, digest: Digest)
        case user(UInt32)
        case certificate(fingerprint: String)
    }

    struct Entry {
        let grant: Grant
        let proof: Proof
    }

    let entries: [Entry]

    /// Reads all lines; the first that is none is an error, for half of a file would let in, or keep out, the wrong ones.
    init(_ text: String) throws(TokenFileError) {
        var entries: [Entry] = []
        var ids: Set<String> = []
        // By bytes: what looks like the end of a line to some editors only must not end a comment.
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == false {
            throw TokenFileError(line: lines.count, expected: "a line feed at the end; what came may be cut off")
        }
        for (index, line) in lines.enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split {
                $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t")
            }
            .map { Substring($0) }
            if words.isEmpty { continue }
            let entry = try Self.entry(words, line: index + 1)
            guard ids.insert(entry.grant.id ?? "").inserted else {
                throw TokenFileError(line: index + 1, expected: "an id that no line before has")
            }
            if case .token = entry.proof {
            } else if entries.contains(where: { $0.proof == entry.proof }) {
                throw TokenFileError(line: index + 1, expected: "a user or a certificate that no line before has")
            }
            entries.append(entry)
        }
        guard (1...Self.mostTokens).contains(entries.count) else {
            throw TokenFileError(line: lines.count, expected: "1 to \(Self.mostTokens) tokens, got \(entries.count)")
        }
        self.entries = entries
    }

    /// A token that is none is tried with all of them, which is to take no longer than an ordinary request.
    private static let mostTokens = 1_000

    private static func entry(_ words: [Substring], line: Int) throws(TokenFileError) -> Entry {
        func wrong(_ expected: String) -> TokenFileError { TokenFileError(line: line, expected: expected) }
        guard words.count == 4 else {
            throw wrong("four words, <id> <secret> <rights> <prefix>, got \(words.count)")
        }
        let isID = words[0].utf8.count <= 100 && words[0].utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }
        guard isID else { throw wrong("an id of at most 100 visible ASCII characters, without quotes") }
        guard let rights = Rights(words[2]) else {
            throw wrong("rights of \(Rights.all.text), with commas between them")
        }
        let isPrefix =
            words[3] == "*" || words[3].first != "." && words[3].utf8.allSatisfy { isInName($0) }
        guard isPrefix else { throw wrong("what names begin with, of letters, digits and _.-, or * for all") }
        let grant = Grant(id: String(words[0]), rights: rights, prefix: words[3] == "*" ? "" : String(words[3]))
        let parts = words[1].split(separator: ":", omittingEmptySubsequences: false)
        switch (parts[0], parts.count) {
        case ("plain", 2...):
            let token = words[1].dropFirst("plain:".count)
            guard BearerToken.isToken(token) else { throw wrong("plain: and a token of \(BearerToken.alphabet)") }
            let salt = Secret.random(byteCount: 16)
            return Entry(grant: grant, proof: .token(salt: salt, digest: Digest(salt: salt.utf8, secret: token.utf8)))
        case ("sha256", 3):
            guard let digest = Digest(hex: parts[2]) else { throw wrong("64 hexadecimal digits behind the salt") }
            return Entry(grant: grant, proof: .token(salt: String(parts[1]), digest: digest))
        case ("uid", 2):
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let user = UInt32(parts[1]) else {
                throw wrong("uid: and the number of a user")
            }
            // In a user namespace it stands for every user that has no number there.
            guard user != 65_534 else { throw wrong("a user that can be told from others, which 65534 cannot") }
            return Entry(grant: grant, proof: .user(user))
        case ("cert", 2):
            guard let digest = Digest(hex: parts[1]) else {
                throw wrong("cert: and the SHA-256 of a certificate, 64 hexadecimal digits without colons")
            }
            return Entry(grant: grant, proof: .certificate(fingerprint: digest.hex))
        default: throw wrong("a secret plain:<token> or sha256:<salt>:<hex>, or uid:<number> or cert:<hex>")
        }
    }

    private static func isInName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: false
        }
    }
}
