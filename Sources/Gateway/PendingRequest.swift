internal import Codings
internal import MicroHTTP
internal import Segments

/// What is known of a request before its body has come.
///
/// `@unchecked Sendable` because a request is worked on by one thread at a time.
///
/// What each request touches most is not checked for exclusive access, as in ``Exchange``: nobody holds it `inout` while
/// he calls something.
final class PendingRequest: @unchecked Sendable {
    let route: Route
    /// Its target, if it came before.
    let known: KnownTarget?
    /// What its sender may do.
    @exclusivity(unchecked) private(set) var grant = Grant.nothing
    /// How often the tokens had been read again by then.
    @exclusivity(unchecked) private(set) var reading = 0
    @exclusivity(unchecked) private(set) var query: Query
    @exclusivity(unchecked) var bodyFormat: Format?
    /// How its body is packed, until it is not any more.
    @exclusivity(unchecked) var coding: Coding?
    @exclusivity(unchecked) var sink: StagingSink?
    /// The segments that its body names, and whether one of them took the place of another, for the audit.
    var namesInBody: [String] = []
    var isReplacement = false
    /// What wakes it while it waits for a change, and until when it does, by the monotonic clock.
    var watch: ChangeWatch?
    var untilNs: Int64?
    /// What its body takes of the budget for bodies.
    @exclusivity(unchecked) var upload: MemoryReservation?

    /// The body, wherever it was taken.
    func body(of exchange: Exchange) -> RequestBody {
        RequestBody(place: sink.map { .staged($0) } ?? .memory(exchange), format: bodyFormat ?? .json)
    }

    /// Finds the route.
    init(_ exchange: Exchange, _ targets: KnownTargets) throws {
        known = targets.find(exchange.rawTarget)
        route = try known?.route ?? Route(path: exchange.path)
        query = try known?.query ?? Query(nil)
    }

    /// Asks who it is and what he may do, checks the method and reads the query; what is refused here has its route
    /// already, and counts for that.
    func read(_ exchange: Exchange, _ access: AccessControl, _ targets: KnownTargets) throws {
        reading = access.reading
        if !route.isPublic { grant = try access.admit(exchange) }
        try route.check(exchange.method, named: exchange.methodName)
        try grant.check(route, exchange.method)
        if known != nil { return }
        query = try Query(exchange.query)
        targets.remember(exchange.rawTarget, route, query)
    }

    /// Asks once more when the body has come, if the tokens were read again: it may have taken hours.
    func renew(_ exchange: Exchange, _ access: AccessControl) throws {
        guard !route.isPublic, reading != access.reading else { return }
        reading = access.reading
        grant = try access.grant(for: exchange)
        try grant.check(route, exchange.method)
    }
}
