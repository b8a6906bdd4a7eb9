internal import MicroHTTP
internal import Segments
internal import Synchronization

/// Unlinks segments whose time is over, whoever gave it to them, and says so.
///
/// A thread of its own looks at all of them about once a second. It remembers no ends: a local process may change one,
/// or make a segment that has one, without telling anybody.
final class ExpirySweeper: Sendable {
    private let rounds: ExpiryRounds
    private let thread: PlatformThread

    /// Looks for the first time a second from now, so that a start waits for nothing.
    init(
        _ catalog: Catalog,
        _ events: EventLog,
        log: @escaping @Sendable (Server.LogLevel, String) -> Void
    ) throws {
        let rounds = try ExpiryRounds(catalog, events, log: log)
        self.rounds = rounds
        thread = PlatformThread(name: "shmgate-expiry") { rounds.run() }
    }

    deinit {
        rounds.stop()
        thread.join()
    }

    /// From now on nothing is ended; one that is being ended still is.
    func stop() { rounds.stop() }
}

/// What the sweeper's thread works on; the thread keeps it, so that the sweeper itself can go.
private final class ExpiryRounds: Sendable {
    private let catalog: Catalog
    private let events: EventLog
    private let log: @Sendable (Server.LogLevel, String) -> Void
    private let bell: Bell
    private let isStopping = Atomic(false)

    /// The pause between two looks.
    private static let pauseMilliseconds: Int64 = 1_000
    /// What a look costs of a core times this is the least pause behind it: three percent.
    private static let pausePerCost: Int64 = 32
    /// In one of so many looks those are tried too that could not be ended: what is refused under the lock only has changed
    /// the sequence of the segment by then, which is not to happen each second.
    private static let looksPerRetry = 60
    /// How long one writer is waited for, and how long all are in one look: a queue of writers gives its turn to who
    /// waits for one, and one who keeps the lock must not keep others from ending.
    private static let patienceMilliseconds: (one: Int64, all: Int64) = (20, 200)

    init(
        _ catalog: Catalog,
        _ events: EventLog,
        log: @escaping @Sendable (Server.LogLevel, String) -> Void
    ) throws {
        self.catalog = catalog
        self.events = events
        self.log = log
        bell = try Bell()
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        bell.ring()
    }

    private var stops: Bool { isStopping.load(ordering: .acquiring) }

    /// The thread.
    func run() {
        /// Those that cannot be ended: each is told once, and tried again with all others now and then.
        var refused: Set<ExpiredSegment> = []
        var looks = 0
        var failure: String?
        var pause = Self.pauseMilliseconds
        while true {
            bell.wait(milliseconds: pause)
            if stops { return }
            let beganNs = Clock.ofThisThreadNs()
            do throws(SegmentError) {
                let expired = try catalog.directory.expired()
                refused.formIntersection(expired)
                looks += 1
                end(looks % Self.looksPerRetry == 0 ? expired : expired.filter { !refused.contains($0) }, &refused)
                failure = nil
            } catch {
                let text = "expired segments cannot be looked for, and will be later: \(error)"
                if failure != text { log(.warning, text) }
                failure = text
            }
            let costNs = Clock.ofThisThreadNs() - beganNs
            pause = max(Self.pauseMilliseconds, costNs * Self.pausePerCost / 1_000_000)
        }
    }

    private func end(_ expired: [ExpiredSegment], _ refused: inout Set<ExpiredSegment>) {
        var patience = Self.patienceMilliseconds.all
        for segment in expired {
            if stops { return }
            do throws(SegmentError) {
                let deadline = Deadline.after(milliseconds: min(patience, Self.patienceMilliseconds.one))
                guard try catalog.directory.end(segment, until: deadline) else { continue }
                catalog.forget(segment.name)
                log(.info, "the segment \(segment.name) (\(segment.uuid)) has expired and is unlinked")
                events.audit(.expire, segment.name, segment.uuid)
            } catch {
                if case .busy = error {
                    patience = max(patience - Self.patienceMilliseconds.one, 0)
                } else {
                    guard refused.insert(segment).inserted else { continue }
                    log(.warning, "the segment \(segment.name) has expired and cannot be unlinked: \(error)")
                }
            }
        }
    }
}
