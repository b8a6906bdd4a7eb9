internal import CMicroHTTPD
internal import Glibc
internal import Locks
internal import Synchronization

/// The thread that accepts connections and deals them out, and once a second cuts those that stall.
///
/// libmicrohttpd's own threads would all wait on one socket and share the connections unevenly.
final class Acceptor: Sendable {
    private let server: Server
    private let sockets: [ListeningSocket]
    /// A pipe whose end rings when it is time to stop.
    private let bell: (read: Int32, write: Int32)
    private let isStopping = Atomic(false)
    private let thread = Locked<PlatformThread?>(nil)

    init(server: Server, sockets: [ListeningSocket]) {
        self.server = server
        self.sockets = sockets
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "the system gives this process a pipe")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        bell = (ends[0], ends[1])
    }

    /// Begins to accept.
    func start() { thread.withLock { $0 = PlatformThread(name: "acceptor") { [self] in run() } } }

    /// Closes the listening sockets; what was accepted stays.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        _ = write(bell.write, "!", 1)
        thread.withLock { $0.take() }?.join()
        for socket in sockets { socket.end() }
        close(bell.read)
        close(bell.write)
    }

    private func run() {
        var polled = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        polled.append(pollfd(fd: bell.read, events: Int16(POLLIN), revents: 0))
        var turnedAway = TurnedAway()
        var nextSweepNs = monotonicNs()
        var isResting = false
        while !isStopping.load(ordering: .relaxed) {
            // Out of descriptors: look away from the sockets for a moment, else poll would return at once for ever.
            let events = Int16(isResting ? 0 : POLLIN)
            for index in sockets.indices { polled[index].events = events }
            poll(&polled, nfds_t(polled.count), isResting ? 100 : 1_000)
            isResting = false
            for (socket, entry) in zip(sockets, polled) where entry.revents != 0 {
                if !acceptSome(from: socket, &turnedAway) { isResting = true }
            }
            let nowNs = monotonicNs()
            if nowNs >= nextSweepNs {
                nextSweepNs = nowNs + 1_000_000_000
                sweep(at: nowNs)
                for descriptor in server.takePartings() { turnedAway.keep(descriptor) }
                if let line = turnedAway.sweep(at: nowNs) { server.log(.warning, line) }
            }
        }
        for descriptor in server.takePartings() { turnedAway.keep(descriptor) }
        turnedAway.closeAll()
    }

    private func sweep(at nowNs: Int64) {
        server.service.everySecond()
        server.endRetiredLoops()
        server.connections.cut { record in
            guard record.isOverdue(at: nowNs, server.configuration) else { return record.hasVanished(at: nowNs) }
            record.dropUnsent()
            return true
        }
    }

    /// So many are accepted in a row, lest a flood on one socket keeps everything else waiting.
    static let batch = 64

    /// Accepts some of what waits; false if the process has no descriptors left.
    func acceptSome(from socket: ListeningSocket, _ turnedAway: inout TurnedAway) -> Bool {
        for _ in 0..<Self.batch {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let code = withUnsafeMutablePointer(to: &storage) { storage -> Int32 in
                storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
                    let descriptor = accept4(socket.descriptor, address, &length, flags)
                    if descriptor < 0 { return errno }
                    // libmicrohttpd 0.9 reads more of the address of a Unix-domain socket than the kernel gives.
                    length = max(length, socklen_t(MemoryLayout<sockaddr_in6>.size))
                    welcome(descriptor, address, length, isSecure: socket.isSecure, &turnedAway)
                    return 0
                }
            }
            switch code {
            case 0, EINTR, ECONNABORTED: continue
            case EAGAIN: return true
            default:
                server.log(.warning, "accept: \(String(cString: strerror(code)))")
                return false
            }
        }
        return true
    }

    /// Gives a connection to an event thread, or tells it that there are too many.
    private func welcome(
        _ descriptor: Int32,
        _ address: UnsafePointer<sockaddr>,
        _ length: socklen_t,
        isSecure: Bool,
        _ turnedAway: inout TurnedAway
    ) {
        let configuration = server.configuration
        let peer = PeerAddress(address, descriptor)
        if let refusal = server.connections.letIn(peer, configuration) {
            server.traffic.refused.add(1, ordering: .relaxed)
            // Who expects TLS would not understand it.
            turnedAway.add(descriptor, isSecure ? nil : server.service.refusal(refusal))
            return
        }
        server.traffic.accepted.add(1, ordering: .relaxed)
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, configuration.notSentLowWaterBytes)
        if PeerAddress.isOwn(address, descriptor) {
            setOption(descriptor, SOL_SOCKET, SO_SNDBUF, configuration.loopbackSendBytes)
        }
        if !server.leastBusyLoop(isSecure: isSecure).take(descriptor, address, length) {
            server.connections.letOut(peer)
        }
    }
}
