internal import Glibc
internal import Locks
internal import MicroHTTP
internal import Secrets
internal import Synchronization

/// Who may do what: the tokens of a file, or everybody everything.
///
/// A request without a token is that of the user, or of the certificate, at the other end of its connection, if the file
/// has a line for them.
package final class AccessControl: Sendable {
    private struct State {
        var entries: [TokenFile.Entry]
        /// Tokens that were made out already, by their digests with a salt of this process: the salted ones of the file
        /// all have to be tried, and that for each request would be dear.
        var known: [String: Known] = [:]
        /// One for each id; a token that comes again with another reading of the file has what it had left.
        var throttles: [String: Throttle] = [:]
    }

    private struct Known {
        let grant: Grant
        let throttle: Throttle
    }

    private let state: Locked<State>?
    private let requestsPerSecond: Int
    /// Whether every client that asks for more than public things has to show a certificate.
    private let needsCertificates: Bool
    private let salt = Secret.random(byteCount: 32)
    private let readings = Atomic(0)

    private init(_ state: State?, requestsPerSecond: Int, needsCertificates: Bool) {
        self.state = state.map { Locked($0) }
        self.requestsPerSecond = requestsPerSecond
        self.needsCertificates = needsCertificates
    }

    /// Asks nobody.
    package static let open = AccessControl(nil, requestsPerSecond: 0, needsCertificates: false)

    /// Lets in who shows a certificate that counts, or comes through a Unix-domain socket; asks for nothing else.
    package static let certificates = AccessControl(nil, requestsPerSecond: 0, needsCertificates: true)

    /// Asks for a token of a file's text; each may send so many requests in a second, or any number for 0.
    ///
    /// With `needsCertificates` who comes over TCP has to show a certificate that counts as well.
    package convenience init(
        tokens text: String,
        requestsPerSecond: Int,
        needsCertificates: Bool = false
    ) throws(TokenFileError) {
        let state = State(entries: try TokenFile(text).entries)
        self.init(state, requestsPerSecond: requestsPerSecond, needsCertificates: needsCertificates)
    }

    /// Whether tokens are asked for.
    package var asksForTokens: Bool { state != nil }

    /// Whether everybody has to show who he is, in some way.
    package var asks: Bool { state != nil || needsCertificates }

    /// How many tokens there are.
    package var tokenCount: Int { state?.withLock { $0.entries.count } ?? 0 }

    /// How often the file was read again: a grant of an earlier reading may be none any more.
    var reading: Int { readings.load(ordering: .acquiring) }

    /// Takes the tokens of another text from now on; if it cannot be read, those of now stay.
    package func replace(tokens text: String) throws(TokenFileError) {
        let entries = try TokenFile(text).entries
        state?.withLock { state in
            state.entries = entries
            state.known = [:]
            readings.add(1, ordering: .releasing)
        }
    }

    /// What the sender of a new request may do; no token, or an unknown one, is `unauthorized`, too many requests
    /// `too-many-requests`.
    func admit(_ exchange: Exchange) throws(Problem) -> Grant {
        guard let known = try known(exchange) else { return .everything }
        exchange.principal = known.grant.id
        guard known.throttle.lets(at: exactNs()) else {
            throw Problem(
                .tooManyRequests,
                "expected at most \(requestsPerSecond) requests of a token at once, and so many in each second, got more",
                headers: [("Retry-After", "1")]
            )
        }
        return known.grant
    }

    /// What the sender of a request that was admitted may do now.
    func grant(for exchange: Exchange) throws(Problem) -> Grant { try known(exchange)?.grant ?? .everything }

    /// What is known of the token; nil if nobody is asked.
    private func known(_ exchange: Exchange) throws(Problem) -> Known? {
        let certificate = exchange.clientCertificate
        try checkCertificate(certificate, exchange)
        guard let state else { return nil }
        guard let token = try BearerToken.read(exchange) else { return try byConnection(exchange, certificate, state) }
        let key = Digest(salt: salt.utf8, secret: token.utf8).hex
        let (known, entries, reading) = state.withLock { ($0.known[key], $0.entries, self.reading) }
        if let known { return known }
        // Outside the lock: who tries tokens that are none keeps nobody waiting but an event thread for a moment.
        guard let grant = Self.find(token, in: entries), let id = grant.id else {
            throw BearerToken.unauthorized("expected a token that is known here", "invalid_token")
        }
        return remember(grant, id, as: key, reading, state)
    }

    /// Refuses who has to show a certificate and does not; a Unix-domain socket has none, and says who it is.
    private func checkCertificate(_ certificate: ClientCertificate, _ exchange: Exchange) throws(Problem) {
        guard needsCertificates, exchange.peerUser == nil else { return }
        switch certificate {
        case .known: return
        case .none: throw Problem(.forbidden, "expected a client certificate, got none")
        case .doubtful:
            throw Problem(.forbidden, "expected a client certificate of an authority that is known here, of now")
        }
    }

    /// What the connection itself proves, for a request without a token.
    private func byConnection(
        _ exchange: Exchange,
        _ certificate: ClientCertificate,
        _ state: Locked<State>
    ) throws(Problem) -> Known {
        let proof: TokenFile.Proof? =
            if let user = exchange.peerUser {
                .user(user)
            } else if case .known(let fingerprint) = certificate {
                .certificate(fingerprint: fingerprint)
            } else {
                nil
            }
        let (entries, reading) = state.withLock { ($0.entries, self.reading) }
        guard let proof, let grant = entries.first(where: { $0.proof == proof })?.grant, let id = grant.id else {
            throw BearerToken.unauthorized("expected Authorization: Bearer and a token, got none")
        }
        return remember(grant, id, as: nil, reading, state)
    }

    /// Keeps what was made out, under a key if it took long, until the file is read again.
    private func remember(
        _ grant: Grant,
        _ id: String,
        as key: String?,
        _ reading: Int,
        _ state: Locked<State>
    ) -> Known {
        state.withLock { state in
            let throttle = state.throttles[id] ?? Throttle(perSecond: requestsPerSecond)
            let known = Known(grant: grant, throttle: throttle)
            // The file may have been read again meanwhile: then this is known for this request only.
            guard reading == self.reading else { return known }
            state.throttles[id] = throttle
            if let key { state.known[key] = known }
            return known
        }
    }

    /// Tries all of them, found or not: how long it takes says nothing of the place.
    private static func find(_ token: String, in entries: [TokenFile.Entry]) -> Grant? {
        var found: Grant?
        for entry in entries {
            guard case .token(let salt, let digest) = entry.proof else { continue }
            if digest.matches(Digest(salt: salt.utf8, secret: token.utf8)), found == nil { found = entry.grant }
        }
        return found
    }

    private func exactNs() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000_000 + now.tv_nsec
    }
}
