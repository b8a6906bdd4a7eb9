import ArgumentParser
import Glibc
import MicroHTTP
import Segments

/// Where the gateway listens, and what it shows of itself there.
struct ListenSettings: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Where to listen: host:port, with port 0 for a free one and IPv6 addresses in brackets, or unix:path; once \
            for each. (default: 127.0.0.1:8080, or the sockets that systemd hands over)
            """,
            valueName: "address"
        )
    )
    var listen: [ListenAddress] = []

    @Option(help: ArgumentHelp("Permission bits of the files of unix: sockets. (default: 0600)", valueName: "octal"))
    var socketMode: PermissionBits?

    @Option(
        help: ArgumentHelp(
            """
            Speak TLS over TCP, with this certificate and those between it and its authority, in PEM; read again on \
            SIGHUP. (default: plain HTTP)
            """,
            valueName: "path"
        )
    )
    var tlsCert: String?

    @Option(help: ArgumentHelp("The private key of the certificate, in PEM, without a password.", valueName: "path"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Let in over TCP only who shows a certificate of these authorities, in PEM. (default: nobody is asked)",
            valueName: "path"
        )
    )
    var tlsClientCa: String?

    /// Where to listen, beside what was handed over; the flags, else the variable, its addresses separated by commas.
    func addresses(inherited: [Int32]) throws -> [ListenAddress] {
        if !listen.isEmpty { return listen }
        return try Self.ofEnvironment() ?? (inherited.isEmpty ? [defaultAddress()] : [])
    }

    /// The addresses of the variable; nil if it is not set.
    static func ofEnvironment() throws -> [ListenAddress]? {
        guard let named = getenv("SHMGATE_LISTEN") else { return nil }
        return try String(cString: named).split(separator: ",").map { text in
            guard let address = ListenAddress(String(text.drop { $0 == " " })) else {
                throw ValidationError(
                    "Expected host:port or unix:path, with commas between several, in SHMGATE_LISTEN, got \(text)."
                )
            }
            return address
        }
    }

    /// Permission bits of new sockets.
    func mode() throws -> UInt32 { try setting(socketMode, "SOCKET_MODE", default: PermissionBits(0o600)).value }

    /// Whether clients have to show certificates.
    func asksForCertificates() throws -> Bool { try !setting(tlsClientCa, "TLS_CLIENT_CA", default: "").isEmpty }

    /// Reads certificate, key and authorities; nil if there is to be no TLS.
    func certificate() throws -> ServerCertificate? {
        let chain = try setting(tlsCert, "TLS_CERT", default: "")
        let key = try setting(tlsKey, "TLS_KEY", default: "")
        let authorities = try setting(tlsClientCa, "TLS_CLIENT_CA", default: "")
        guard !chain.isEmpty || !key.isEmpty else {
            if authorities.isEmpty { return nil }
            throw ValidationError("--tls-client-ca is for TLS: say --tls-cert and --tls-key, too.")
        }
        guard !chain.isEmpty, !key.isEmpty else {
            throw ValidationError("TLS needs both: --tls-cert and --tls-key.")
        }
        let texts = try (
            chain: Self.text(of: chain), key: Self.text(of: key),
            authorities: authorities.isEmpty ? nil : Self.text(of: authorities)
        )
        do {
            return try ServerCertificate(chain: texts.chain, key: texts.key, clientAuthorities: texts.authorities)
        } catch {
            let files = [chain, key, authorities].filter { !$0.isEmpty }.joined(separator: ", ")
            throw StartFailure(.badConfiguration, "Cannot use the certificate of \(files): \(error)")
        }
    }

    /// Reads the certificate again; that of now stays where it cannot be read.
    ///
    /// Gives a line for the log; nil if there is none.
    func reread(into server: Server) -> (isBad: Bool, text: String)? {
        do {
            guard let certificate = try certificate() else { return nil }
            try server.replace(certificate: certificate)
            return (false, certificate.warning ?? "read the certificate again, for new connections")
        } catch {
            return (true, "cannot read the certificate again, that of before stays: \(error)")
        }
    }

    private static func text(of path: String) throws -> String {
        do {
            return try SmallFile.whole(path).text
        } catch {
            throw StartFailure(error.code == EACCES ? .notPermitted : .missing, "Cannot read \(path): \(error)")
        }
    }
}

extension ServerCertificate {
    /// A line for the log if it ends soon, or ended already; nil if it lasts.
    var warning: String? {
        let left = endSeconds - time(nil)
        if left < 0 { return "the certificate of --tls-cert has ended: clients will refuse it" }
        return left < 14 * 86_400 ? "the certificate of --tls-cert ends in \(left / 86_400) days" : nil
    }
}
