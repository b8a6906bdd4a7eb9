internal import CGnuTLS
internal import CMicroHTTPD
internal import Glibc

/// Whose certificates a client believes.
package enum ClientTrust: Sendable {
    /// Everybody's; for questions whose answers matter to nobody else, and that hold no secret.
    case anybody
    /// Those of the authorities that the system knows.
    case system
    /// Those of the authorities of a PEM text.
    case authorities(String)
}

/// A connection of a client: a socket, and TLS on it where that is asked for.
struct ClientConnection: ~Copyable {
    private let descriptor: Int32
    private let secure: cgnutls_client_t?

    /// Connects to a server in the same process.
    init(to server: Server) throws(HealthCheck.Failure) {
        do throws(ServerError) {
            descriptor = try server.connection()
        } catch {
            throw .unreachable("\(error)")
        }
        secure = nil
    }

    /// Connects; every step waits at most so long.
    ///
    /// Without `trust` nothing is encrypted.
    init(_ address: ListenAddress, trust: ClientTrust?, seconds: Int) throws(HealthCheck.Failure) {
        let descriptor = try Self.connect(address, seconds)
        var secure: cgnutls_client_t?
        if let trust, case .tcp(let host, _) = address {
            var client = cgnutls_client_t()
            let code = Self.begin(&client, descriptor, host, trust)
            guard code == 0 else {
                let reason = Self.reason(code, client.status)
                cgnutls_client_end(&client)
                close(descriptor)
                throw .unreachable("TLS with \(address): \(reason)")
            }
            secure = client
        }
        self.descriptor = descriptor
        self.secure = secure
    }

    deinit {
        if var client = secure {
            _ = gnutls_bye(client.session, GNUTLS_SHUT_WR)
            cgnutls_client_end(&client)
        }
        close(descriptor)
    }

    /// Sends all of it.
    func send(_ bytes: some Collection<UInt8>) throws(HealthCheck.Failure) {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { rest -> Int in
                if let secure { return gnutls_record_send(secure.session, rest.baseAddress, rest.count) }
                return Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            if isInterrupted(count) { continue }
            guard count > 0 else { throw .unreachable("send: \(reason(count))") }
            done += count
        }
    }

    /// Gives what came, up to the size of the buffer; 0 at the end.
    func receive(into piece: inout [UInt8]) throws(HealthCheck.Failure) -> Int {
        while true {
            let count = piece.withUnsafeMutableBytes { piece -> Int in
                if let secure { return gnutls_record_recv(secure.session, piece.baseAddress, piece.count) }
                return recv(descriptor, piece.baseAddress, piece.count, 0)
            }
            if isInterrupted(count) { continue }
            // Who closes without a word in TLS has said all that he had; its length is compared with what he announced.
            if secure != nil, count == Int(GNUTLS_E_PREMATURE_TERMINATION) { return 0 }
            guard count >= 0 else { throw .unreachable("recv: \(reason(count))") }
            return count
        }
    }

    private func isInterrupted(_ count: Int) -> Bool {
        secure == nil ? count < 0 && errno == EINTR : count == Int(GNUTLS_E_INTERRUPTED)
    }

    private func reason(_ count: Int) -> String {
        secure == nil ? String(cString: strerror(errno)) : Self.reason(Int32(clamping: count), 0)
    }

    private static func begin(
        _ client: inout cgnutls_client_t,
        _ descriptor: Int32,
        _ host: String,
        _ trust: ClientTrust
    ) -> Int32 {
        let isName = host.contains { $0.isLetter } && !host.contains(":")
        switch trust {
        case .anybody: return cgnutls_client_begin(&client, descriptor, nil, 0, nil, 0)
        case .system: return cgnutls_client_begin(&client, descriptor, host, isName ? 1 : 0, nil, 0)
        case .authorities(let text):
            let bytes = Array(text.utf8)
            return cgnutls_client_begin(&client, descriptor, host, isName ? 1 : 0, bytes, bytes.count)
        }
    }

    private static func reason(_ code: Int32, _ status: UInt32) -> String {
        if code == GNUTLS_E_AGAIN { return "no answer in time" }
        if code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR, let text = cgnutls_explain(status) {
            defer { free(text) }
            return String(cString: text)
        }
        return gnutls_strerror(code).map { String(cString: $0) } ?? "GnuTLS says \(code)"
    }

    private static func connect(_ address: ListenAddress, _ seconds: Int) throws(HealthCheck.Failure) -> Int32 {
        func socket(_ family: Int32, _ connect: (Int32) -> Int32) throws(HealthCheck.Failure) -> Int32 {
            let descriptor = Glibc.socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw .unreachable("socket: \(String(cString: strerror(errno)))") }
            var limit = timeval(tv_sec: seconds, tv_usec: 0)
            for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
                setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
            let code = connect(descriptor)
            if code == 0 { return descriptor }
            close(descriptor)
            throw .unreachable("connect to \(address): \(String(cString: strerror(code)))")
        }
        switch address {
        case .unix(let path):
            guard var place = SocketFile.place(path) else { throw .unreachable("there is no socket \(path)") }
            return try socket(AF_UNIX) { SocketFile.connect($0, &place) }
        case .tcp(let host, let port):
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            guard getaddrinfo(host, "\(port)", &hints, &list) == 0, let found = list?.pointee else {
                throw .unreachable("there is no address \(address)")
            }
            defer { freeaddrinfo(list) }
            return try socket(found.ai_family) {
                Glibc.connect($0, found.ai_addr, found.ai_addrlen) == 0 ? 0 : errno
            }
        }
    }
}
