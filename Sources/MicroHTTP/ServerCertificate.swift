internal import CGnuTLS

/// What a server shows of itself in TLS, and whose clients' certificates it believes.
///
/// It was tried when it was made: the key is that of the certificate.
package struct ServerCertificate: Sendable {
    /// The certificate and those between it and its authority, and the key, as C texts of PEM.
    let chain: [CChar]
    let key: [CChar]
    /// The authorities of clients' certificates; nil if none is asked for.
    let clientAuthorities: [CChar]?
    /// When the certificate ends, in seconds since 1970.
    package let endSeconds: Int

    /// Reads PEM texts.
    package init(chain: String, key: String, clientAuthorities: String?) throws(ServerError) {
        var end: time_t = 0
        try Self.check("certificate", chain) { cgnutls_expiration($0, $1, &end) }
        try Self.check("key", key) { cgnutls_check_key($0, $1) }
        var code: Int32 = 0
        Self.withBytes(chain) { chain, chainCount in
            Self.withBytes(key) { code = cgnutls_check_pair(chain, chainCount, $0, $1) }
        }
        guard code == 0 else {
            throw .badCertificate("expected a key that belongs to the certificate: \(Self.reason(code))")
        }
        if let clientAuthorities {
            Self.withBytes(clientAuthorities) { code = cgnutls_count_authorities($0, $1) }
            guard code > 0 else {
                let reason = code == 0 ? "there is none" : Self.reason(code)
                throw .badCertificate("expected certificates of clients' authorities in PEM: \(reason)")
            }
        }
        self.chain = Self.text(chain)
        self.key = Self.text(key)
        self.clientAuthorities = clientAuthorities.map(Self.text)
        endSeconds = Int(end)
    }

    private static func check(
        _ what: String,
        _ text: String,
        _ look: (UnsafeRawPointer, Int) -> Int32
    ) throws(ServerError) {
        var code: Int32 = 0
        withBytes(text) { code = look($0, $1) }
        if code != 0 { throw .badCertificate("expected a \(what) in PEM: \(reason(code))") }
    }

    private static func withBytes(_ text: String, _ body: (UnsafeRawPointer, Int) -> Void) {
        var text = text
        text.withUTF8 { bytes in bytes.baseAddress.map { body(UnsafeRawPointer($0), bytes.count) } }
    }

    private static func text(_ text: String) -> [CChar] { text.utf8.map { CChar(bitPattern: $0) } + [0] }

    private static func reason(_ code: Int32) -> String {
        gnutls_strerror(code).map { String(cString: $0) } ?? "GnuTLS says \(code)"
    }
}

/// What the other side of a connection showed of itself.
package enum ClientCertificate: Sendable, Equatable {
    /// Nobody asked, or there is none.
    case none
    /// One that no authority vouches for, or that is over, or not for clients.
    case doubtful
    /// One that counts; its SHA-256 as 64 hexadecimal digits.
    case known(fingerprint: String)

    /// Of a session of GnuTLS, behind its handshake.
    init(session: UnsafeMutableRawPointer) {
        var digest = [UInt8](repeating: 0, count: 32)
        switch cgnutls_client_certificate(session, &digest) {
        case 1:
            let digits = Array("0123456789abcdef".utf8)
            let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
            self = .known(fingerprint: String(decoding: text, as: UTF8.self))
        case 0: self = .none
        default: self = .doubtful
        }
    }
}
