internal import Locks
internal import MicroHTTP
internal import Segments
internal import Synchronization

/// Who watches what: the channels of all names that somebody watches, and the threads that notice changes.
///
/// The threads begin with the first watcher: one waits for the directory, one for the clock, one for each 127 segments.
final class EventHub: Sendable {
    private struct State {
        var channels: [SegmentName: Channel] = [:]
        var threads: Threads?
    }

    private struct Threads {
        let names: NameWatch
        let clock: EventClock
        let all: [PlatformThread]
    }

    private let catalog: Catalog
    private let waiters = ChangeWaiters()
    private let state = Locked(State())
    /// Names that somebody wants looked at.
    private let asked = Locked<Set<SegmentName>>([])
    private let isOver = Atomic(false)
    private let log: @Sendable (Server.LogLevel, String) -> Void
    let figures = EventFigures()

    init(_ catalog: Catalog, log: @escaping @Sendable (Server.LogLevel, String) -> Void) {
        self.catalog = catalog
        self.log = log
    }

    /// Whether everything that waits is to end.
    var isDraining: Bool { isOver.load(ordering: .acquiring) }

    /// Ends everything that waits.
    func drain() {
        isOver.store(true, ordering: .releasing)
        let channels = state.withLock { Array($0.channels.values) }
        for channel in channels { channel.end() }
    }

    /// Ends the threads; nobody watches any more.
    func stop() {
        isOver.store(true, ordering: .releasing)
        let threads = state.withLock { $0.threads.take() }
        threads?.names.ring()
        threads?.clock.stop()
        for thread in threads?.all ?? [] { thread.join() }
        waiters.stop()
    }

    /// Watches a name; the listener is told of all that happens from now on, until it is taken away again.
    func watch(_ name: SegmentName, _ listener: any ChannelListener) throws(SegmentError) -> Channel {
        let names = try threads().names
        let channel = state.withLock { state -> Channel in
            let channel =
                state.channels[name]
                ?? Channel(name, catalog, waiters) { [asked] name in
                    asked.withLock { _ = $0.insert(name) }
                    names.ring()
                }
            state.channels[name] = channel
            channel.add(listener)
            return channel
        }
        // Only now: what happens to the name from here on is told to the channel as well.
        channel.refresh()
        return channel
    }

    /// Takes a listener away.
    func leave(_ channel: Channel, _ listener: any ChannelListener) {
        let isOver = state.withLock { state -> Bool in
            guard channel.remove(listener), state.channels[channel.name] === channel else { return false }
            state.channels[channel.name] = nil
            return true
        }
        if isOver { channel.close() }
    }

    /// The clock.
    func clock() throws(SegmentError) -> EventClock { try threads().clock }

    /// Ends threads that are idle; called about once a second.
    func tidy() { waiters.tidy() }

    /// How many threads wait for segments, and for how many.
    var waiting: (threads: Int, segments: Int) { waiters.figures }

    private func threads() throws(SegmentError) -> (names: NameWatch, clock: EventClock) {
        let threads = try state.withLock { state throws(SegmentError) -> Threads in
            if let threads = state.threads { return threads }
            let names = try NameWatch(catalog.directory, tellsNew: true)
            if let failure = names.failure {
                log(.warning, "watched names are looked at once a second, for the kernel does not tell: \(failure)")
            }
            let clock = try EventClock()
            let all = [
                PlatformThread(name: "shmgate-names") { [self] in watchNames(names) },
                PlatformThread(name: "shmgate-clock") { clock.run() },
            ]
            let threads = Threads(names: names, clock: clock, all: all)
            state.threads = threads
            return threads
        }
        return (threads.names, threads.clock)
    }

    /// When a name is looked at again that could not be looked at.
    private static let retryMilliseconds: Int32 = 500

    /// The thread that waits for the directory.
    private func watchNames(_ names: NameWatch) {
        var late: Set<SegmentName> = []
        while true {
            let change = names.wait(atMost: late.isEmpty ? nil : Self.retryMilliseconds)
            // A stop rings as well; a drain does not, and names are watched until the last request is over.
            if isDraining, state.withLock({ $0.threads == nil }) { return }
            let wanted = asked.withLock { asked -> Set<SegmentName> in
                defer { asked = [] }
                return asked
            }
            let channels = state.withLock { state -> [Channel] in
                switch change {
                case .everything: Array(state.channels.values)
                case .names(let names): names.union(wanted).union(late).compactMap { state.channels[$0] }
                }
            }
            late = Set(channels.filter { !$0.refresh() }.map(\.name))
        }
    }
}

/// What `/metrics` says of events.
final class EventFigures: Sendable {
    /// Streams and long polls that wait now.
    let watchers = Atomic(0)
    /// Events that were given out to be sent.
    let sent = Atomic(0)
}
