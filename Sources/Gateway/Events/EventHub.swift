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
        /// What happens to all names with a prefix, by the prefix.
        var logs: [String: NameLog] = [:]
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
        let (channels, logs) = state.withLock { (Array($0.channels.values), Array($0.logs.values)) }
        for channel in channels { channel.end() }
        for log in logs { log.end() }
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
    ///
    /// One that is patient may be told of changes a quarter of a second later.
    func watch(
        _ name: SegmentName,
        _ listener: any ChannelListener,
        isPatient: Bool = false
    ) throws(SegmentError) -> Channel {
        let names = try threads().names
        let channel = state.withLock { state -> Channel in
            let channel =
                state.channels[name]
                ?? Channel(name, catalog, waiters) { [asked] name in
                    asked.withLock { _ = $0.insert(name) }
                    names.ring()
                }
            state.channels[name] = channel
            channel.add(listener, isPatient: isPatient)
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
    func tidy() {
        waiters.tidy()
        let nowNs = Clock.monotonicNs()
        let old = state.withLock { state -> [NameLog] in
            let old = state.logs.filter { $0.value.retire(at: nowNs) }
            for prefix in old.keys { state.logs[prefix] = nil }
            return Array(old.values)
        }
        for log in old { log.close() }
    }

    /// What happens to all names with a prefix; made by the first who asks, which takes long if there are many names.
    ///
    /// Without leave to block that is a ``Deferral``.
    func log(prefix: String, _ context: RequestContext) throws -> NameLog {
        _ = try threads()
        if let known = state.withLock({ $0.logs[prefix] }), known.isReady { return known }
        if !context.mayBlock { throw Deferral() }
        let log = state.withLock { state -> NameLog in
            let log = state.logs[prefix] ?? NameLog(prefix: prefix, self)
            state.logs[prefix] = log
            return log
        }
        try log.fill(from: catalog.directory)
        return log
    }

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
            guard waiters.begin(),
                let first = PlatformThread.start(name: "shmgate-clock", { clock.run() })
            else { throw Self.noThread }
            guard let second = PlatformThread.start(name: "shmgate-names", { [self] in watchNames(names) }) else {
                clock.stop()
                first.join()
                throw Self.noThread
            }
            let all = [first, second]
            let threads = Threads(names: names, clock: clock, all: all)
            state.threads = threads
            return threads
        }
        return (threads.names, threads.clock)
    }

    private static let noThread = SegmentError.busy("the system gives the gateway no more threads")

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
            let (channels, logs) = state.withLock { state -> ([Channel], [NameLog]) in
                let logs = Array(state.logs.values)
                switch change {
                case .everything: return (Array(state.channels.values), logs)
                case .names(let names):
                    return (names.union(wanted).union(late).compactMap { state.channels[$0] }, logs)
                }
            }
            late = Set(channels.filter { !$0.refresh() }.map(\.name))
            for log in logs { log.look(at: change, in: catalog.directory) }
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
