internal import MicroHTTP
internal import Segments
internal import Synchronization

/// What a feed has to tell at a moment.
enum FedEvent {
    /// An event as text; what it took of a budget is held until it is out.
    case event([UInt8], MemoryReservation?)
    /// Several events as text, and whether more are there already.
    case events([UInt8], count: Int, isMore: Bool)
    /// Nothing now; whoever changes that wakes the connection.
    case nothing
    /// Nothing now, and nobody wakes the connection: ask again in so many milliseconds.
    case later(milliseconds: Int64)
    /// Nothing any more: the client has to begin anew.
    case end
}

/// What happens in one place, for one client.
///
/// Used by one thread at a time, the event thread of the client's connection.
protocol EventFeed: AnyObject {
    /// Tells what the client was not told yet.
    func next() -> FedEvent
}

/// A stream of server-sent events to one client.
///
/// It has at most one event in its hands. While the client does not take that, what happens in its feed adds up to the
/// next one; so a slow client costs no more than a fast one.
final class EventStream: LiveSource {
    private let feed: any EventFeed
    private let rights: StreamRights
    private let hub: EventHub
    private let clock: EventClock
    private let listener: StreamListener
    private let intervalNs: Int64

    private var text: [UInt8]
    private var reservation: MemoryReservation?
    private var position = 0
    private var lastBytesNs = Clock.monotonicNs()

    /// So long nothing is said at the most, for proxies end what is silent, and so are the dead.
    private static let silenceNs: Int64 = 15_000_000_000
    private static let comment: [UInt8] = Array(": \n\n".utf8)

    /// A stream that begins with a text; the listener is the one that the feed is heard with.
    init(
        _ feed: any EventFeed,
        beginning text: [UInt8],
        intervalMilliseconds: Int,
        _ rights: StreamRights,
        _ listener: StreamListener,
        _ hub: EventHub
    ) throws {
        self.feed = feed
        self.text = text
        self.rights = rights
        self.listener = listener
        self.hub = hub
        intervalNs = Int64(intervalMilliseconds) * 1_000_000
        clock = try hub.clock()
        hub.figures.watchers.add(1, ordering: .relaxed)
    }

    deinit {
        clock.clear(listener.waker)
        hub.figures.watchers.add(-1, ordering: .relaxed)
    }

    func read(into target: UnsafeMutableRawBufferPointer) -> LivePiece {
        if position == text.count {
            (text, position, reservation) = ([], 0, nil)
            if hub.isDraining || !rights.hold() { return .end }
            let nowNs = Clock.monotonicNs()
            var dueNs = Int64.max
            if nowNs < listener.restsUntilNs {
                dueNs = listener.restsUntilNs
            } else {
                switch feed.next() {
                case .event(let event, let memory):
                    (text, reservation) = (event, memory)
                    hub.figures.sent.add(1, ordering: .relaxed)
                    if intervalNs > 0 { listener.rest(untilNs: nowNs + intervalNs) }
                case .events(let events, let count, let isMore):
                    text = events
                    hub.figures.sent.add(count, ordering: .relaxed)
                    if intervalNs > 0, !isMore { listener.rest(untilNs: nowNs + intervalNs) }
                case .nothing: break
                case .later(let milliseconds): dueNs = nowNs + milliseconds * 1_000_000
                case .end: return .end
                }
            }
            if text.isEmpty {
                let signNs = lastBytesNs + Self.silenceNs
                if nowNs < signNs {
                    clock.set(listener.waker, atNs: min(dueNs, Self.wholeSecond(signNs)))
                    return .nothing
                }
                text = Self.comment
            }
            lastBytesNs = nowNs
        }
        let count = min(target.count, text.count - position)
        text.withUnsafeBytes {
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<(position + count)]))
        }
        position += count
        return .bytes(count)
    }

    /// The end of a second, so that the signs of life of many streams share a ring of the clock.
    private static func wholeSecond(_ ns: Int64) -> Int64 { (ns / 1_000_000_000 + 1) * 1_000_000_000 }
}

/// Wakes a stream when anything happens, unless it rests: then the clock will.
final class StreamListener: ChannelListener {
    let waker: Waker
    private let restNs = Atomic<Int64>(0)

    init(_ waker: Waker) { self.waker = waker }

    /// Until when the stream tells nothing.
    var restsUntilNs: Int64 { restNs.load(ordering: .relaxed) }

    /// Has the stream tell nothing until then; it sets the clock before it sleeps.
    func rest(untilNs: Int64) { restNs.store(untilNs, ordering: .relaxed) }

    func channelChanged(_ channel: Channel, to tag: EntityTag?) { notify() }

    /// Something happened.
    func notify() {
        if restsUntilNs <= Clock.monotonicNs() { waker.wake() }
    }

    func end() {
        rest(untilNs: 0)
        waker.wake()
    }
}

/// What a stream may tell: asked again whenever the tokens were read again.
final class StreamRights {
    private let exchange: Exchange
    private let route: Route
    private let access: AccessControl
    private var reading: Int
    private(set) var grant: Grant

    init(_ context: RequestContext, _ route: Route, _ access: AccessControl) {
        exchange = context.exchange
        self.route = route
        self.access = access
        reading = (exchange.state as? PendingRequest)?.reading ?? access.reading
        grant = context.grant
    }

    /// Whether the client may still be told anything.
    func hold() -> Bool {
        let now = access.reading
        if reading == now { return true }
        guard let grant = try? access.grant(for: exchange), (try? grant.check(route, .get)) != nil else { return false }
        // What a stream of all names tells is what its grant covered when it began.
        if case .events = route, grant.prefix != self.grant.prefix { return false }
        (self.grant, reading) = (grant, now)
        return true
    }
}
