internal import CMicroHTTPD
internal import Glibc
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
    private let thread = Mutex<PlatformThread?>(nil)

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
        for socket in sockets { close(socket.descriptor) }
        close(bell.read)
        close(bell.write)
    }

    private func run() {
        var polled = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        polled.append(pollfd(fd: bell.read, events: Int16(POLLIN), revents: 0))
        var nextSweepNs = monotonicNs()
        var isResting = false
        while !isStopping.load(ordering: .relaxed) {
            // Out of descriptors: look away from the sockets for a moment, else poll would return at once for ever.
            let events = Int16(isResting ? 0 : POLLIN)
            for index in sockets.indices { polled[index].events = events }
            poll(&polled, nfds_t(polled.count), isResting ? 100 : 1_000)
            isResting = false
            for (socket, entry) in zip(sockets, polled) where entry.revents != 0 {
                if !acceptAll(from: socket) { isResting = true }
            }
            let nowNs = monotonicNs()
            if nowNs >= nextSweepNs {
                nextSweepNs = nowNs + 1_000_000_000
                server.service.everySecond()
                server.connections.cut { $0.hasVanished || $0.isOverdue(at: nowNs, server.configuration) }
            }
        }
    }

    /// Accepts what waits; false if the process has no descriptors left.
    private func acceptAll(from socket: ListeningSocket) -> Bool {
        while true {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let isAccepted: Bool? = withUnsafeMutablePointer(to: &storage) { storage in
                storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
                    let descriptor = accept4(socket.descriptor, address, &length, flags)
                    if descriptor < 0 {
                        if errno == EINTR || errno == ECONNABORTED { return true }
                        return errno == EAGAIN ? nil : false
                    }
                    setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
                    setOption(
                        descriptor,
                        Int32(IPPROTO_TCP),
                        TCP_NOTSENT_LOWAT,
                        server.configuration.notSentLowWaterBytes
                    )
                    server.leastBusyLoop.take(descriptor, address, length)
                    return true
                }
            }
            guard let isAccepted else { return true }
            if !isAccepted {
                server.log(.warning, "accept: \(String(cString: strerror(errno)))")
                return false
            }
        }
    }
}
