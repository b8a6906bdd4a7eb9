internal import Glibc
internal import Synchronization

/// What is known of an open connection; created and dropped by its event thread.
final class ConnectionRecord: Sendable {
    /// What a connection is waiting for.
    enum Stage: Int {
        /// A header block.
        case idle
        /// The rest of a body.
        case body
        /// The gateway, or the client's reading of the answer.
        case answering
    }

    let descriptor: Int32
    let loop: EventLoop
    private let stage = Atomic(Stage.idle.rawValue)
    private let sinceNs = Atomic(monotonicNs())
    private let bodyBytes = Atomic(0)

    var server: Server { loop.server }

    init(descriptor: Int32, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    /// Enters a stage; its clock starts now.
    func enter(_ next: Stage) {
        sinceNs.store(monotonicNs(), ordering: .relaxed)
        bodyBytes.store(0, ordering: .relaxed)
        stage.store(next.rawValue, ordering: .relaxed)
    }

    /// Counts bytes of the body.
    func count(_ bytes: Int) { bodyBytes.add(bytes, ordering: .relaxed) }

    /// Whether the client closed its side although it still owes a header block or the rest of a body.
    ///
    /// libmicrohttpd 0.9.75 misses a close that arrives together with the last bytes: epoll tells it once, it reads the
    /// bytes, and waits for an event that never comes. What is unread is left to it.
    var hasVanished: Bool {
        guard stage.load(ordering: .relaxed) != Stage.answering.rawValue else { return false }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN | peerClosed), revents: 0)
        guard poll(&polled, 1, 0) > 0, polled.revents & Int16(peerClosed | POLLHUP) != 0 else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
    }

    /// Whether the client took longer than it may: for a header block, or with a body slower than the least rate.
    func isOverdue(at nowNs: Int64, _ configuration: Server.Configuration) -> Bool {
        let seconds = Double(nowNs - sinceNs.load(ordering: .relaxed)) / 1e9
        switch Stage(rawValue: stage.load(ordering: .relaxed)) {
        case .idle: return seconds > configuration.headerSeconds
        case .body:
            let earned = Double(bodyBytes.load(ordering: .relaxed)) / configuration.minBodyBytesPerSecond
            return seconds > configuration.bodyGraceSeconds + earned
        case .answering, .none: return false
        }
    }
}

/// All open connections, so that one that stalls can be cut.
///
/// A descriptor in the table is open: libmicrohttpd closes it only after it was removed, under the same lock.
final class ConnectionTable: Sendable {
    private let records = Mutex<[ObjectIdentifier: ConnectionRecord]>([:])

    /// How many there are.
    var count: Int { records.withLock { $0.count } }

    func add(_ record: ConnectionRecord) { records.withLock { $0[ObjectIdentifier(record)] = record } }

    func remove(_ record: ConnectionRecord) { records.withLock { $0[ObjectIdentifier(record)] = nil } }

    /// Cuts the connections that `isDue` picks; their event threads notice and close them.
    func cut(where isDue: (ConnectionRecord) -> Bool) {
        records.withLock { records in
            for record in records.values where isDue(record) { shutdown(record.descriptor, Int32(SHUT_RDWR)) }
        }
    }
}

/// Linux's `POLLRDHUP`: the peer sends no more.
private let peerClosed: Int32 = 0x2000

/// Nanoseconds since some point in the past, exact to a few milliseconds.
func monotonicNs() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
