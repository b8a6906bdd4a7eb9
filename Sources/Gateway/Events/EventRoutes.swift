internal import MicroHTTP
internal import Segments

/// Streams of events.
struct EventRoutes {
    let reading: DataReading
    let hub: EventHub
    let access: AccessControl

    /// `GET /segments/{name}/events`: what happens to one name, with a selection if one is asked for.
    func watch(_ name: SegmentName, _ query: Query, _ context: RequestContext) throws -> Response {
        var query = query
        let exchange = context.exchange
        let interval = try Self.takeInterval(&query)
        let seen = try Self.takeSeen(&query, exchange)
        try Self.checkAccept(exchange)
        // A stream that was answered on the event thread has its selections made by workers all the same.
        exchange.crowd = Route.segmentEvents(name).crowd
        let now = try state(of: name, seen, context)
        let values = try query.isEmpty ? nil : EventValues(reading, name, &query, mayBeGone: now == nil, context)
        if exchange.method == .head { return Response(status: 200, headers: Self.fields, body: .unknownLength) }
        guard let told = seen?.tag(beside: now) ?? now else { throw SegmentError.noSuchSegment(name.description) }
        let listener = StreamListener(exchange.waker)
        let stream = try EventStream(
            SegmentFeed(name, behind: told, values, listener, hub),
            beginning: Self.beginning(told.id),
            intervalMilliseconds: interval,
            StreamRights(context, .segmentEvents(name), access),
            listener,
            hub
        )
        return Response(status: 200, headers: Self.fields, body: .live(stream))
    }

    /// What the name leads to; nil if it leads to nothing and the client has seen what it led to, and waits for the next.
    private func state(of name: SegmentName, _ seen: SeenTag?, _ context: RequestContext) throws -> EntityTag? {
        do {
            return try reading.catalog.segment(name, mayBlock: context.mayBlock).tag()
        } catch SegmentError.noSuchSegment where seen?.uuid != nil {
            return nil
        }
    }

    /// `GET /events`: what happens to all names that the client may see.
    func watchAll(_ query: Query, _ context: RequestContext) throws -> Response {
        var query = query
        let exchange = context.exchange
        let interval = try Self.takeInterval(&query)
        let wanted = query.take("prefix") ?? ""
        let after = query.take("after")
        try query.finish()
        try Self.checkAccept(exchange)
        if exchange.method == .head { return Response(status: 200, headers: Self.fields, body: .unknownLength) }
        let log = try hub.log(prefix: Self.prefix(wanted, within: context.grant.prefix), context)
        let field = exchange.header("Last-Event-ID") ?? ""
        let listener = StreamListener(exchange.waker)
        try log.requireModest()
        guard log.add(listener) else { throw SegmentError.busy("the names are being read anew") }
        let feed = NameFeed(log, behind: field.isEmpty ? after : field, listener)
        let stream = try EventStream(
            feed,
            beginning: Self.beginning(feed.id),
            intervalMilliseconds: interval,
            StreamRights(context, .events, access),
            listener,
            hub
        )
        return Response(status: 200, headers: Self.fields, body: .live(stream))
    }

    /// What the names begin with that are wanted and may be seen.
    private static func prefix(_ wanted: String, within granted: String) -> String {
        if wanted.hasPrefix(granted) { return wanted }
        return granted.hasPrefix(wanted) ? granted : "/"  // no name has that
    }

    /// Without data it is no event, but who comes back before the first one says where it began.
    private static func beginning(_ id: String) -> [UInt8] { Array("id: \(id)\n\n".utf8) }

    /// Nobody keeps a stream, and nginx is not to gather it.
    private static let fields: [(StaticString, String)] = [
        ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
    ]

    /// The least time between two events.
    private static func takeInterval(_ query: inout Query) throws(Problem) -> Int {
        try query.take("interval", in: 0...3_600_000, default: 0)
    }

    /// What the client has seen: the id of the last event, or what it says in the query, for browsers send no fields at
    /// first.
    private static func takeSeen(_ query: inout Query, _ exchange: Exchange) throws(Problem) -> SeenTag? {
        let after = try query.take("after").map { text throws(Problem) in
            if let seen = SeenTag(text) { return seen }
            throw Problem(.invalidQuery, "expected <uuid>-<sequence> or <sequence> for after, got \"\(text)\"")
        }
        guard let text = exchange.header("Last-Event-ID"), !text.isEmpty else { return after }
        if let seen = SeenTag(text) { return seen }
        throw Problem(
            .invalidHeader,
            "expected an id of these events, <uuid>-<sequence>, for Last-Event-ID, got \(text)"
        )
    }

    private static func checkAccept(_ exchange: Exchange) throws(Problem) {
        let accept = exchange.headers("Accept")
        if MediaRange.preferred(of: ["text/event-stream"], by: accept) != nil { return }
        throw Problem(
            .notAcceptable,
            "expected to be asked for text/event-stream, got Accept: \(accept.joined(separator: ", "))"
        )
    }
}
