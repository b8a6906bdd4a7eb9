internal import CMicroHTTPD
internal import Glibc
internal import Locks

/// An HTTP/1.1 server on libmicrohttpd: one acceptor that feeds a few epoll threads, and a pool of workers.
package final class Server: Sendable {
    /// What an operator or a test sets.
    package struct Configuration: Sendable {
        /// Where to listen.
        package var listen: [ListenAddress]
        /// Sockets that another process listens on for this one; the server owns them from its start on.
        package var inherited: [Int32] = []
        /// Permission bits of the files of Unix-domain sockets.
        package var socketMode: UInt32 = 0o600
        /// With it all that is said over TCP is TLS; without it nothing is.
        package var certificate: ServerCertificate?
        /// Epoll threads.
        package var threads: Int
        /// Threads for work that may take over a millisecond.
        package var workers = 8
        /// Requests that may wait for a worker.
        package var workerQueueLimit = 1_024
        /// Open connections, all threads together.
        package var maxConnections = 4_096
        /// Open connections from one address; 0 for no limit.
        package var maxConnectionsPerAddress = 0
        /// Bytes of a header block, from the method to the empty line.
        package var maxHeaderBytes = 30 << 10
        /// So long may a client take for a header block, waiting included, and so long may it pause in a body or in
        /// the reading of an answer.
        package var idleSeconds = 60.0
        /// So fast a body has to come and an answer to be read, on the average, lest it count as a pause; 0 for any.
        package var minBytesPerSecond = 1_024.0
        /// Bodies up to here are read to the end even if nobody wants them, so that the connection can be kept.
        package var maxDrainBytes = 8 << 20
        /// How much may wait unsent in the kernel: more is faster for bulk, less is fairer to small answers.
        package var notSentLowWaterBytes: Int32 = 512 << 10
        /// How much of an answer a connection from this machine may have in the kernel.
        ///
        /// There the kernel hands bytes over as fast as they are copied in, so one call takes megabytes if it may, and
        /// milliseconds. Over a network the kernel chooses: as much as is on its way.
        package var loopbackSendBytes: Int32 = 512 << 10

        /// The defaults for some addresses and a number of epoll threads.
        package init(listen: [ListenAddress], threads: Int) {
            self.listen = listen
            self.threads = max(1, threads)
        }

        /// Those of all addresses that more than this machine can reach; one that was handed over and is none is an error.
        package func addressesBeyondThisMachine() throws(ServerError) -> [ListenAddress] {
            var all = listen
            for descriptor in inherited { all.append(try ListeningSocket.inheritedAddress(descriptor)) }
            return all.filter { !$0.isLocal }
        }

        /// Memory of a connection, for the header blocks of request and answer and a table of the fields.
        ///
        /// libmicrohttpd zeroes it for each request, so it is dear if large; half of it is what a body is read into.
        var poolBytes: Int { max(32 << 10, maxHeaderBytes + (2 << 10)) }
    }

    /// How much a log line matters.
    package enum LogLevel: Sendable {
        case debug
        case info
        case warning
    }

    let configuration: Configuration
    let service: any Service
    let log: @Sendable (LogLevel, String) -> Void
    let workers: WorkerPool
    package let eventThreads = EventThreads()
    /// Sockets that libmicrohttpd has closed, answered past it; for the acceptor to end.
    private let partings = Locked<[Int32]>([])
    let connections = ConnectionTable()
    let activeRequests = Counter()
    let traffic = Traffic()
    private let running = Locked<Running?>(nil)

    private struct Running {
        /// Those that new connections go to.
        var loops: [EventLoop]
        /// Those of a certificate that was replaced; they end with their last connections.
        var retired: [EventLoop] = []
        var acceptor: Acceptor
        var sockets: [ListeningSocket]
        /// The loops stay as long as the acceptor may deal connections out to them.
        var isStopping = false
    }

    /// A server that does not listen yet.
    package init(
        configuration: Configuration,
        service: any Service,
        log: @escaping @Sendable (LogLevel, String) -> Void
    ) {
        self.configuration = configuration
        self.service = service
        self.log = log
        workers = WorkerPool(count: configuration.workers, queueLimit: configuration.workerQueueLimit)
    }

    /// Listens, and starts its threads.
    package func start() throws(ServerError) {
        MHD_set_panic_func(reportPanic, nil)
        var sockets: [ListeningSocket] = []
        var loops: [EventLoop] = []
        do throws(ServerError) {
            sockets = try listen()
            // Without any address it serves whom it is handed; see ``connection()``.
            if sockets.isEmpty || sockets.contains(where: { !$0.isSecure }) { loops += try startLoops(nil) }
            if sockets.contains(where: \.isSecure) { loops += try startLoops(configuration.certificate) }
        } catch {
            for socket in sockets { socket.end() }
            for loop in loops { loop.stop() }
            throw error
        }
        let acceptor = Acceptor(server: self, sockets: sockets)
        let started = Running(loops: loops, acceptor: acceptor, sockets: sockets)
        running.withLock { $0 = started }
        acceptor.start()
    }

    private func listen() throws(ServerError) -> [ListeningSocket] {
        var sockets: [ListeningSocket] = []
        let isSecure = configuration.certificate != nil
        do throws(ServerError) {
            for descriptor in configuration.inherited {
                sockets.append(try ListeningSocket(inherited: descriptor, isSecure: isSecure))
            }
            for address in configuration.listen {
                sockets.append(try ListeningSocket(address, fileMode: configuration.socketMode, isSecure: isSecure))
            }
        } catch {
            for socket in sockets { socket.end() }
            throw error
        }
        return sockets
    }

    private func startLoops(_ certificate: ServerCertificate?) throws(ServerError) -> [EventLoop] {
        var loops: [EventLoop] = []
        do throws(ServerError) {
            for _ in 0..<configuration.threads {
                let loop = EventLoop(server: self, certificate: certificate)
                try loop.start()
                loops.append(loop)
            }
        } catch {
            for loop in loops { loop.stop() }
            throw error
        }
        return loops
    }

    /// Makes a connection to the server from within its own process; the caller owns the descriptor.
    package func connection() throws(ServerError) -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .system(call: "socketpair", code: errno)
        }
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_UNIX)
        let isTaken = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard connections.letIn(PeerAddress(address, ends[1]), configuration) == nil else { return false }
                let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
                return leastBusyLoop(isSecure: false).take(ends[1], address, size)
            }
        }
        guard isTaken else {
            for end in ends { close(end) }
            throw .noDaemon
        }
        return ends[0]
    }

    /// Shows another certificate to those who connect from now on; who is connected stays with the one that he saw.
    ///
    /// Only for a server that had one at its start.
    package func replace(certificate: ServerCertificate) throws(ServerError) {
        let fresh = try startLoops(certificate)
        let isTaken = running.withLock { slot in
            guard var running = slot, !running.isStopping, running.loops.contains(where: \.isSecure) else {
                return false
            }
            running.retired += running.loops.filter(\.isSecure)
            running.loops = running.loops.filter { !$0.isSecure } + fresh
            slot = running
            return true
        }
        if !isTaken { for loop in fresh { loop.stop() } }
    }

    /// Ends the event loops of old certificates that have no connections any more.
    ///
    /// On the acceptor's thread, which deals connections out: so none is on its way to one of them.
    func endRetiredLoops() {
        let ended = running.withLock { running -> [EventLoop] in
            let ended = running?.retired.filter { $0.connectionCount.current == 0 } ?? []
            running?.retired.removeAll { loop in ended.contains { $0 === loop } }
            return ended
        }
        for loop in ended { loop.stop() }
    }

    /// The port of the first address; the real one where 0 was asked for, and 0 for a Unix-domain socket.
    package var port: Int { running.withLock { $0?.sockets.first?.port ?? 0 } }

    /// Where it listens, as clients write it.
    package var urls: [String] { running.withLock { $0?.sockets.map(\.url) ?? [] } }

    /// Open connections.
    package var activeConnections: Int { connections.count }

    /// Stops: accepts no more, lets requests finish for so long, then cuts what is left.
    package func stop(drainSeconds: Double) {
        let begun = running.withLock { running -> Running? in
            guard running?.isStopping == false else { return nil }
            running?.isStopping = true
            return running
        }
        guard let stopping = begun else { return }
        stopping.acceptor.stop()
        service.stopping()
        let deadlineNs = monotonicNs() + Int64(drainSeconds * 1e9)
        while activeRequests.current > 0, monotonicNs() < deadlineNs {
            connections.cut { $0.hasVanished(at: monotonicNs()) }
            usleep(2_000)
        }
        connections.cut { _ in true }
        // A worker resumes what it has; libmicrohttpd must not be stopped while a connection is suspended.
        workers.stop()
        while activeRequests.current > 0, monotonicNs() < deadlineNs + 10_000_000_000 { usleep(2_000) }
        for loop in running.withLock({ ($0?.loops ?? []) + ($0?.retired ?? []) }) { loop.stop() }
        for descriptor in takePartings() { close(descriptor) }
        running.withLock { $0 = nil }
    }

    /// Gives the acceptor a socket that was answered past libmicrohttpd, to be ended when its client has read that.
    func keepParting(_ descriptor: Int32) { partings.withLock { $0.append(descriptor) } }

    /// The sockets that were answered past libmicrohttpd since the last time; the caller owns them.
    func takePartings() -> [Int32] {
        partings.withLock { partings in
            defer { partings = [] }
            return partings
        }
    }

    /// The event loop with the fewest connections, of those that encrypt or of those that do not.
    func leastBusyLoop(isSecure: Bool) -> EventLoop {
        running.withLock { running in
            let loops = running?.loops.lazy.filter { $0.isSecure == isSecure }
            guard let loop = loops?.min(by: { $0.connectionCount.current < $1.connectionCount.current }) else {
                preconditionFailure("the acceptor runs only while there are event loops")
            }
            return loop
        }
    }
}
