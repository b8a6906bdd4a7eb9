internal import CGnuTLS

/// The SHA-256 of a secret behind a salt; what is kept of a token.
package struct Digest: Sendable, Equatable {
    /// 32 bytes.
    private let bytes: [UInt8]

    /// Of the salt and the secret behind it, as they are.
    package init(salt: some Sequence<UInt8>, secret: some Sequence<UInt8>) {
        let text = Array(salt) + Array(secret)
        var bytes = [UInt8](repeating: 0, count: 32)
        precondition(cgnutls_sha256(text, text.count, &bytes) == 0, "GnuTLS has SHA-256")
        self.bytes = bytes
    }

    /// From 64 hexadecimal digits; nil if they are none.
    package init?(hex: some StringProtocol) {
        let digits = hex.compactMap(\.hexDigitValue).map(UInt8.init)
        guard digits.count == 64, hex.utf8.count == 64 else { return nil }
        bytes = stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// 64 hexadecimal digits.
    package var hex: String { Secret.hex(bytes) }

    /// Whether both are the same, as ``matches(_:)`` has it.
    package static func == (left: Digest, right: Digest) -> Bool { left.matches(right) }

    /// Whether both are the same; takes as long whatever the answer is, so that nobody finds it out byte by byte.
    package func matches(_ other: Digest) -> Bool { gnutls_memcmp(bytes, other.bytes, 32) == 0 }
}

/// Making what nobody can guess.
package enum Secret {
    /// Random bytes as hexadecimal digits, two for each.
    package static func random(byteCount: Int) -> String {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        precondition(cgnutls_random(&bytes, byteCount) == 0, "the system has random bytes")
        return hex(bytes)
    }

    static func hex(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
