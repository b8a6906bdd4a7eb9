internal import CMicroHTTPD
internal import Glibc
internal import Locks
internal import Synchronization

/// What is known of an open connection; created and dropped by its event thread.
final class ConnectionRecord: Sendable {
    /// What a connection is waiting for.
    enum Stage: Int {
        /// A header block.
        case idle
        /// The rest of a body.
        case body
        /// A worker.
        case working
        /// The client's reading of the answer.
        case sending
        /// Something to happen, suspended meanwhile.
        case watching
    }

    let descriptor: Int32
    let peer: PeerAddress
    let loop: EventLoop
    private let stage = Atomic(Stage.idle.rawValue)
    private let sinceNs = Atomic(monotonicNs())
    private let bodyBytes = Atomic(0)
    /// When the client was first found to be gone, and how far it had come.
    private let abandoned = Locked<(state: (Int64, Int), atNs: Int64)?>(nil)
    /// What was found at the last look, in the stage that began at this time.
    private let lastLook = Locked<(sinceNs: Int64, pace: Pace)?>(nil)

    /// What wakes it, while it may be waiting for something to happen.
    private let waker = Locked<Waker?>(nil)
    /// Since when it has been waiting for something to happen with nothing left to read.
    private let restedSinceNs = Atomic<Int64>(-1)
    private let isLimited = Atomic(false)
    private let certificate = Locked<ClientCertificate?>(nil)

    var server: Server { loop.server }

    init(descriptor: Int32, peer: PeerAddress, loop: EventLoop) {
        self.descriptor = descriptor
        self.peer = peer
        self.loop = loop
    }

    /// Enters a stage; its clock starts now.
    func enter(_ next: Stage) {
        sinceNs.store(monotonicNs(), ordering: .relaxed)
        bodyBytes.store(0, ordering: .relaxed)
        stage.store(next.rawValue, ordering: .releasing)
    }

    /// Enters the stage of waiting for something to happen, and says what will end that; nil leaves it.
    func park(_ next: Waker?) {
        waker.withLock { $0 = next }
        if next != nil { enter(.watching) }
    }

    /// Wakes a connection that is to end, if it sleeps: nobody else would.
    func cutSleep() { waker.withLock { $0 }?.cut() }

    /// Counts bytes of the body.
    func count(_ bytes: Int) { bodyBytes.add(bytes, ordering: .relaxed) }

    /// Whether the client closed its side although it still owes a header block or the rest of a body.
    ///
    /// libmicrohttpd 0.9.75 misses a close that arrives together with the last bytes: epoll tells it once, it reads the
    /// bytes, and waits for an event that never comes. What is unread is left to it. What was read a moment ago may be
    /// a whole request that an event thread is at work on, so this has to be found for some time.
    func hasVanished(at nowNs: Int64) -> Bool {
        if Stage(rawValue: stage.load(ordering: .relaxed)) == .watching { return hasHungUp }
        guard isAbandoned else {
            abandoned.withLock { $0 = nil }
            return false
        }
        let state = (sinceNs.load(ordering: .relaxed), bodyBytes.load(ordering: .relaxed))
        return abandoned.withLock { seen in
            if let seen, seen.state == state { return nowNs - seen.atNs >= Self.doubtNs }
            seen = (state, nowNs)
            return false
        }
    }

    private static let doubtNs: Int64 = 2_000_000_000

    /// Whether a client that waits for something to happen has closed its side; libmicrohttpd does not look at it.
    private var hasHungUp: Bool {
        var polled = pollfd(fd: descriptor, events: Int16(peerClosed), revents: 0)
        return poll(&polled, 1, 0) > 0
    }

    /// Whether the client closed its side, owes something, and nothing that it sent is unread.
    private var isAbandoned: Bool {
        switch Stage(rawValue: stage.load(ordering: .relaxed)) {
        case .idle, .body: break
        case .working, .sending, .watching, .none: return false
        }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN | peerClosed), revents: 0)
        guard poll(&polled, 1, 0) > 0, polled.revents & Int16(peerClosed | POLLHUP) != 0 else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
    }

    /// Whether the client takes longer than it may: for a header block, or with a body or the reading of an answer.
    ///
    /// Asked about once a second, by one thread.
    func isOverdue(at nowNs: Int64, _ configuration: Server.Configuration) -> Bool {
        // The stage first: it may be older than its time then, which only gives the client more.
        let stage = Stage(rawValue: stage.load(ordering: .acquiring))
        let sinceNs = sinceNs.load(ordering: .relaxed)
        switch stage {
        case .idle: return Double(nowNs - sinceNs) / 1e9 > configuration.idleSeconds
        case .body:
            let begin = Pace(nowNs: sinceNs, moved: 0, configuration)
            let moved = UInt64(bodyBytes.load(ordering: .relaxed))
            return look(since: sinceNs, begin) { $0.isTooSlow(nowNs: nowNs, moved: moved, configuration) }
        case .sending, .watching:
            // All that it was told it has, and it owes nothing until it is told more.
            if stage == .watching, restedSinceNs.load(ordering: .relaxed) == sinceNs { return false }
            var moved: UInt64 = 0
            var waiting: Int32 = 0
            guard cmicrohttpd_delivery(descriptor, &moved, &waiting) != 0 else { return false }
            // The first look is where counting begins: to ask the kernel at each answer would be dear.
            if stage == .watching, waiting == 0 {
                restedSinceNs.store(sinceNs, ordering: .relaxed)
                return false
            }
            let begin = Pace(nowNs: nowNs, moved: moved, configuration)
            return look(since: sinceNs, begin) {
                $0.isTooSlow(nowNs: nowNs, moved: moved, owesNothing: waiting == 0, configuration)
            }
        case .working, .none: return false
        }
    }

    /// Has libmicrohttpd end a connection through a Unix-domain socket whose client does not read its answer.
    ///
    /// The kernel does not say what the other side of such a socket has taken. libmicrohttpd knows when it could send the
    /// last time, and by then a buffer of the kernel may be full that is to be read at the least rate.
    func limitSilence(of connection: OpaquePointer) {
        guard case .user = peer, !isLimited.exchange(true, ordering: .relaxed) else { return }
        let configuration = server.configuration
        let rate = max(configuration.minBytesPerSecond, 1_024)
        let seconds = configuration.idleSeconds + Double(cmicrohttpd_send_buffer(descriptor)) / rate
        cmicrohttpd_set_timeout(connection, UInt32(clamping: Int(seconds.rounded(.up))))
    }

    /// The certificate that the client showed; it is looked at once, for a handshake comes once.
    func clientCertificate(of connection: OpaquePointer) -> ClientCertificate {
        guard loop.asksForCertificates, let session = cmicrohttpd_session(connection) else { return .none }
        return certificate.withLock { known in
            if let known { return known }
            let shown = ClientCertificate(session: session)
            known = shown
            return shown
        }
    }

    /// Judges by the pace that was left at the last look in this stage; `begin` if there was none.
    private func look(since sinceNs: Int64, _ begin: Pace, _ isTooSlow: (inout Pace) -> Bool) -> Bool {
        lastLook.withLock { look in
            var pace = begin
            if let look, look.sinceNs == sinceNs { pace = look.pace }
            defer { look = (sinceNs, pace) }
            return isTooSlow(&pace)
        }
    }

    /// Resets a connection whose client does not read its answer: what is unsent would stay with the kernel otherwise.
    func dropUnsent() {
        let stage = Stage(rawValue: stage.load(ordering: .relaxed))
        guard stage == .sending || stage == .watching else { return }
        var nobody = sockaddr()
        nobody.sa_family = sa_family_t(AF_UNSPEC)
        _ = connect(descriptor, &nobody, socklen_t(MemoryLayout<sockaddr>.size))
    }
}

/// Linux's `POLLRDHUP`: the peer sends no more.
private let peerClosed: Int32 = 0x2000
