internal import Locks
internal import MicroHTTP
internal import Segments

/// How often a pinned segment was given its name back since the gateway started.
struct Restoration: Equatable {
    /// The segment, for another may have the name later.
    var uuid: UUID
    var count = 0
    /// Unix time of the last time, in nanoseconds.
    var lastNs: Int64 = 0
}

/// Gives pinned segments their names back when somebody unlinks them without the protocol, and says so.
///
/// A thread of its own waits for the directory to change. Pins are made and removed by those who make and unlink
/// segments; the keeper only looks.
final class PinKeeper: Sendable {
    private let watch: PinWatch
    private let thread: PlatformThread

    /// Looks at all pins at once, and from then on at those whose names change.
    init(
        _ directory: SegmentDirectory,
        _ events: EventLog,
        log: @escaping @Sendable (Server.LogLevel, String) -> Void
    ) throws {
        let watch = try PinWatch(directory, events, log: log)
        self.watch = watch
        thread = PlatformThread(name: "shmgate-pins") { watch.run() }
    }

    deinit {
        watch.stop()
        thread.join()
    }

    /// Has the keeper look at a name: its pin may have been completed behind the event that took the name away.
    func look(at name: SegmentName) { watch.look(at: name) }

    /// What is known of a segment's name; nil if it was never given back.
    func restoration(of segment: Segment) -> Restoration? { watch.restoration(of: segment) }
}

/// What the keeper's thread works on; the thread keeps it, so that the keeper itself can go.
private final class PinWatch: Sendable {
    private struct State {
        var isStopping = false
        /// Names that somebody wants looked at.
        var asked: Set<SegmentName> = []
        var restored: [SegmentName: Restoration] = [:]
        /// What the log has of pins that are out of order and stay so.
        var told: [SegmentName: PinFinding] = [:]
        /// Whether the pins could not be read when all of them were to be looked at.
        var owesAll = false
    }

    private let directory: SegmentDirectory
    private let names: NameWatch
    private let events: EventLog
    private let log: @Sendable (Server.LogLevel, String) -> Void
    private let state = Locked(State())

    /// How long a start waits for the writers of all segments that lost their names.
    private static let startMilliseconds: Int64 = 2_000
    /// How long the thread waits for writers before it looks at what else has changed.
    private static let patienceMilliseconds: Int64 = 200
    /// When it tries again what could not be done.
    private static let retryMilliseconds: Int32 = 500

    init(
        _ directory: SegmentDirectory,
        _ events: EventLog,
        log: @escaping @Sendable (Server.LogLevel, String) -> Void
    ) throws {
        self.directory = directory
        self.events = events
        self.log = log
        // Before the first look, so that no change is missed in between.
        names = try NameWatch(directory)
        if let failure = names.failure {
            log(.warning, "pinned names are looked at once a second, for the kernel does not watch them: \(failure)")
        }
        let late = reconcile(nil, until: .after(milliseconds: Self.startMilliseconds))
        state.withLock { $0.asked = late }
        if !late.isEmpty { names.ring() }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        names.ring()
    }

    func look(at name: SegmentName) {
        state.withLock { _ = $0.asked.insert(name) }
        names.ring()
    }

    func restoration(of segment: Segment) -> Restoration? {
        state.withLock { state in
            guard !state.restored.isEmpty, let known = state.restored[segment.name] else { return nil }
            return known.uuid == segment.uuid ? known : nil
        }
    }

    /// The thread.
    func run() {
        var late: Set<SegmentName> = []
        while true {
            let owesAll = state.withLock(\.owesAll)
            let change = names.wait(atMost: late.isEmpty && !owesAll ? nil : Self.retryMilliseconds)
            let asked: Set<SegmentName>? = state.withLock { state in
                defer { state.asked = [] }
                return state.isStopping ? nil : state.asked
            }
            guard let asked else { return }
            let deadline = Deadline.after(milliseconds: Self.patienceMilliseconds)
            switch owesAll ? .everything : change {
            case .everything: late = reconcile(nil, until: deadline)
            case .names(let changed):
                let wanted = changed.union(asked).union(late)
                late = wanted.isEmpty ? [] : reconcile(wanted, until: deadline)
            }
        }
    }

    /// Looks at pins and reports; returns the names that are worth another try.
    private func reconcile(_ wanted: Set<SegmentName>?, until deadline: Deadline) -> Set<SegmentName> {
        let before = state.withLock { forget(wanted, in: &$0) }
        do throws(SegmentError) {
            let findings = try directory.reconcilePins(of: wanted, until: deadline) { finding in
                if state.withLock({ note(finding, in: &$0) }) || before[finding.name] != finding { report(finding) }
            }
            if wanted == nil { state.withLock { $0.owesAll = false } }
            return Set(findings.filter(\.isPostponed).map(\.name))
        } catch {
            log(.warning, "the pins cannot be read, and will be looked at again: \(error)")
            if wanted == nil { state.withLock { $0.owesAll = true } }
            return wanted ?? []
        }
    }

    /// Lets go of what was known of names whose pins are gone; returns what the log has of those that are looked at now.
    private func forget(_ wanted: Set<SegmentName>?, in state: inout State) -> [SegmentName: PinFinding] {
        for name in wanted ?? Set(state.restored.keys) {
            if let known = state.restored[name], !directory.hasPin(known.uuid, of: name) { state.restored[name] = nil }
        }
        let before = state.told
        if let wanted { for name in wanted { state.told[name] = nil } } else { state.told = [:] }
        return before
    }

    /// Keeps what descriptions and the log need; tells whether it is something that happened, and not a state.
    private func note(_ finding: PinFinding, in state: inout State) -> Bool {
        switch finding.outcome {
        case .givenBack:
            var known = state.restored[finding.name] ?? Restoration(uuid: finding.uuid)
            if known.uuid != finding.uuid { known = Restoration(uuid: finding.uuid) }
            known.count += 1
            known.lastNs = Clock.unixNs()
            state.restored[finding.name] = known
            return true
        case .taken, .unlinked, .corrupt: return true
        case .notBelieved, .postponed:
            state.told[finding.name] = finding
            return false
        }
    }

    private func report(_ finding: PinFinding) {
        let segment = "the pinned segment \(finding.name) (\(finding.uuid))"
        switch finding.outcome {
        case .givenBack:
            log(.info, "\(segment) has its name back: somebody had unlinked it without the protocol")
            events.audit(.giveBack, finding.name, finding.uuid)
        case .taken: log(.warning, "\(segment) has lost its name to another file, which keeps it: the pin is dropped")
        case .unlinked: log(.debug, "\(segment) was unlinked on purpose: its pin is removed")
        case .corrupt(let error): log(.warning, "\(segment) gets no name back: \(error)")
        case .notBelieved(let reason): log(.warning, "the pin of \(finding.name) is not believed: \(reason)")
        case .postponed(let error): log(.warning, "\(segment) cannot get its name back yet: \(error)")
        }
    }
}
