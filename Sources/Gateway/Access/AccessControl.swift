internal import Glibc
internal import Locks
internal import MicroHTTP
internal import Secrets

/// Who may do what: the tokens of a file, or everybody everything.
package final class AccessControl: Sendable {
    /// Tokens that were made out already, by their digests with a salt of this process: the salted ones of the file all
    /// have to be tried, and that for each request would be dear.
    private struct State {
        var entries: [TokenFile.Entry]
        var known: [String: (grant: Grant, throttle: Throttle)] = [:]
        var throttles: [String: Throttle] = [:]
    }

    private let state: Locked<State>?
    private let requestsPerSecond: Int
    private let salt = Secret.random(byteCount: 32)

    private init(_ state: State?, requestsPerSecond: Int) {
        self.state = state.map { Locked($0) }
        self.requestsPerSecond = requestsPerSecond
    }

    /// Asks nobody.
    package static let open = AccessControl(nil, requestsPerSecond: 0)

    /// Asks for a token of a file's text; each may send so many requests in a second, or any number for 0.
    package convenience init(tokens text: String, requestsPerSecond: Int) throws(TokenFileError) {
        self.init(State(entries: try TokenFile(text).entries), requestsPerSecond: requestsPerSecond)
    }

    /// Whether tokens are asked for.
    package var asksForTokens: Bool { state != nil }

    /// How many tokens there are.
    package var tokenCount: Int { state?.withLock { $0.entries.count } ?? 0 }

    /// Takes the tokens of another text from the next request on; if it cannot be read, those of now stay.
    package func replace(tokens text: String) throws(TokenFileError) {
        let entries = try TokenFile(text).entries
        state?.withLock { state in
            state.entries = entries
            state.known = [:]
        }
    }

    /// What the sender of a request may do; no token, or an unknown one, is `unauthorized`, too many requests
    /// `too-many-requests`.
    func grant(for exchange: Exchange) throws(Problem) -> Grant {
        guard let state else { return .everything }
        guard let token = try BearerToken.read(exchange) else {
            throw BearerToken.unauthorized("expected Authorization: Bearer and a token, got none")
        }
        let key = Digest(salt: salt.utf8, secret: token.utf8).hex
        let known = state.withLock { state -> (grant: Grant, throttle: Throttle)? in
            if let known = state.known[key] { return known }
            // All of them, found or not: how long it takes says nothing of the place.
            var found: Grant?
            for entry in state.entries
            where entry.digest.matches(Digest(salt: entry.salt.utf8, secret: token.utf8)) && found == nil {
                found = entry.grant
            }
            guard let found, let id = found.id else { return nil }
            let throttle = state.throttles[id] ?? Throttle(perSecond: requestsPerSecond)
            state.throttles[id] = throttle
            state.known[key] = (found, throttle)
            return (found, throttle)
        }
        guard let known else {
            throw BearerToken.unauthorized("expected a token that is known here", "invalid_token")
        }
        exchange.principal = known.grant.id
        guard known.throttle.lets(at: exactNs()) else {
            throw Problem(
                .tooManyRequests,
                "expected at most \(requestsPerSecond) requests of a token in a second, got more",
                headers: [("Retry-After", "1")]
            )
        }
        return known.grant
    }

    private func exactNs() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000_000 + now.tv_nsec
    }
}
