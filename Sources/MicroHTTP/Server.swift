internal import CMicroHTTPD
internal import Glibc
internal import Locks

/// An HTTP/1.1 server on libmicrohttpd: one acceptor that feeds a few epoll threads, and a pool of workers.
package final class Server: Sendable {
    /// What an operator or a test sets.
    package struct Configuration: Sendable {
        /// Where to listen.
        package var listen: [ListenAddress]
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

        /// The defaults for some addresses and a number of epoll threads.
        package init(listen: [ListenAddress], threads: Int) {
            self.listen = listen
            self.threads = max(1, threads)
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
    /// Sockets that libmicrohttpd has closed, answered past it; for the acceptor to end.
    private let partings = Locked<[Int32]>([])
    let connections = ConnectionTable()
    let activeRequests = Counter()
    let traffic = Traffic()
    private let running = Locked<Running?>(nil)

    private struct Running {
        var loops: [EventLoop]
        var acceptor: Acceptor
        var ports: [Int]
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
            for address in configuration.listen { sockets.append(try ListeningSocket(address)) }
            for _ in 0..<configuration.threads {
                let loop = EventLoop(server: self)
                try loop.start()
                loops.append(loop)
            }
        } catch {
            for socket in sockets { close(socket.descriptor) }
            for loop in loops { loop.stop() }
            throw error
        }
        let acceptor = Acceptor(server: self, sockets: sockets)
        let started = Running(loops: loops, acceptor: acceptor, ports: sockets.map(\.port))
        running.withLock { $0 = started }
        acceptor.start()
    }

    /// The port of the first address; the real one where 0 was asked for.
    package var port: Int { running.withLock { $0?.ports.first ?? 0 } }

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
        let deadlineNs = monotonicNs() + Int64(drainSeconds * 1e9)
        while activeRequests.current > 0, monotonicNs() < deadlineNs {
            connections.cut { $0.hasVanished(at: monotonicNs()) }
            usleep(2_000)
        }
        connections.cut { _ in true }
        // A worker resumes what it has; libmicrohttpd must not be stopped while a connection is suspended.
        workers.stop()
        while activeRequests.current > 0, monotonicNs() < deadlineNs + 10_000_000_000 { usleep(2_000) }
        for loop in stopping.loops { loop.stop() }
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

    /// The event loop with the fewest connections.
    var leastBusyLoop: EventLoop {
        running.withLock { running in
            guard let loop = running?.loops.min(by: { $0.connectionCount.current < $1.connectionCount.current }) else {
                preconditionFailure("the acceptor runs only while there are event loops")
            }
            return loop
        }
    }
}
