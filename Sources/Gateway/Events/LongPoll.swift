internal import MicroHTTP
internal import Segments
internal import Synchronization

/// Thrown by a route that has nothing to answer yet: it starts again when the connection is woken.
struct Parking: Error {}

/// `after` and `wait`: what a client has seen, and how long it waits for more.
struct AfterCondition {
    /// The segment that it has seen; nil means the one of now.
    let uuid: UUID?
    let sequence: UInt64
    let waitNs: Int64

    /// Takes both parameters; nil without `after`.
    init?(_ query: inout Query) throws(Problem) {
        let wait = query.take("wait")
        guard let text = query.take("after") else {
            if wait != nil { throw Problem(.invalidQuery, "expected after beside wait") }
            return nil
        }
        guard let seen = SeenTag(text) else {
            throw Problem(.invalidQuery, "expected <uuid>-<sequence> or <sequence> for after, got \"\(text)\"")
        }
        (uuid, sequence) = (seen.uuid, seen.sequence)
        guard let seconds = wait.map({ Double($0) }) ?? 0, (0...Self.mostSeconds).contains(seconds) else {
            throw Problem(
                .invalidQuery,
                "expected seconds from 0 to \(Int(Self.mostSeconds)) for wait, got \"\(wait ?? "")\""
            )
        }
        waitNs = Int64(seconds * 1e9)
    }

    private static let mostSeconds = 3_600.0

    /// Whether there is more than the client has seen.
    func isPassed(by tag: EntityTag) -> Bool { uuid.map { $0 != tag.uuid } ?? false || tag.sequence > sequence }
}

/// What a client says it has seen: `<uuid>-<sequence>` as in an `ETag`, with its quotes or without them, of whatever
/// representation, or a sequence alone.
struct SeenTag {
    let uuid: UUID?
    let sequence: UInt64

    init?(_ text: String) {
        var text = Substring(text)
        if text.first == "\"", text.last == "\"", text.count > 1 { text = text.dropFirst().dropLast() }
        if let sequence = Self.number(text) {
            (uuid, self.sequence) = (nil, sequence)
            return
        }
        guard let uuid = UUID(text.prefix(36)), text.dropFirst(36).first == "-" else { return nil }
        let rest = text.dropFirst(37)
        guard let sequence = Self.number(rest.prefix { $0 != "-" }) else { return nil }
        (self.uuid, self.sequence) = (uuid, sequence)
    }

    /// The whole tag, where a sequence alone is one of the segment of now; nil without one.
    func tag(beside now: EntityTag?) -> EntityTag? {
        (uuid ?? now?.uuid).map { EntityTag(uuid: $0, sequence: sequence) }
    }

    private static func number(_ text: Substring) -> UInt64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
    }
}

/// A connection that waits for a name to lead to something else, or for the segment to be written.
///
/// The hub forgets it when this goes.
final class ChangeWatch: Sendable {
    private let hub: EventHub
    private let channel: Channel
    private let listener: WakerListener
    private let clock: EventClock

    init(_ name: SegmentName, _ waker: Waker, untilNs: Int64, _ hub: EventHub) throws {
        self.hub = hub
        clock = try hub.clock()
        listener = WakerListener(waker)
        channel = try hub.watch(name, listener)
        clock.set(waker, atNs: untilNs)
        hub.figures.watchers.add(1, ordering: .relaxed)
    }

    deinit {
        clock.clear(listener.waker)
        hub.leave(channel, listener)
        hub.figures.watchers.add(-1, ordering: .relaxed)
    }
}

/// Wakes a connection when anything happens to a name.
final class WakerListener: ChannelListener {
    let waker: Waker

    init(_ waker: Waker) { self.waker = waker }

    func channelChanged(_ channel: Channel, to tag: EntityTag?) { waker.wake() }

    func end() { waker.wake() }
}

/// Holds a GET until there is more than its client has seen.
struct LongPoll {
    let hub: EventHub

    /// Returns if there is more, or else the answer when the wait is over; throws ``Parking`` until then.
    func hold(
        _ open: OpenSegment,
        _ after: AfterCondition,
        _ tagSuffix: String,
        _ context: RequestContext
    ) throws
        -> Response?
    {
        guard let pending = context.exchange.state as? PendingRequest else {
            preconditionFailure("a request that was admitted has its state")
        }
        if after.isPassed(by: try open.tag()) {
            pending.watch = nil
            return nil
        }
        let nowNs = Clock.monotonicNs()
        let untilNs = pending.untilNs ?? nowNs + after.waitNs
        pending.untilNs = untilNs
        if nowNs >= untilNs || hub.isDraining { return try over(open, tagSuffix, context) }
        if pending.watch == nil {
            pending.watch = try ChangeWatch(open.segment.name, context.exchange.waker, untilNs: untilNs, hub)
            // What happened before it was watched wakes nobody.
            context.exchange.waker.wake()
        }
        throw Parking()
    }

    /// Nothing came: 304 for a client that says what it has, else 204.
    private func over(_ open: OpenSegment, _ tagSuffix: String, _ context: RequestContext) throws -> Response {
        let tag = try open.tag()
        let condition = try TagCondition(context.exchange.headers("If-None-Match"), allowsWeak: true)
        let known = condition?.match(tag.text(tagSuffix))
        let fields: [(StaticString, String)] = [
            ("ETag", known ?? tag.text(tagSuffix)), ("Vary", "Accept, Accept-Encoding"), ("Cache-Control", "no-cache"),
        ]
        return Response(status: known == nil ? 204 : 304, headers: fields)
    }
}
