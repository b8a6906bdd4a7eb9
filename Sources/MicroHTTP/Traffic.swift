internal import Synchronization

/// What went through a server since it was made; plain additions, so that a small request pays next to nothing.
final class Traffic: Sendable {
    /// Bytes of bodies that came.
    let receivedBytes = Atomic(0)
    /// Bytes of bodies that were given out to be sent.
    let sentBytes = Atomic(0)
    /// Connections that were let in.
    let accepted = Atomic(0)
    /// Connections that were turned away.
    let refused = Atomic(0)
}

extension Server {
    /// What a server does at a moment, and has done so far.
    package struct Figures: Sendable {
        /// Connections that are open.
        package var connections: Int
        /// How many may be.
        package var maxConnections: Int
        /// Connections that were let in so far.
        package var acceptedConnections: Int
        /// Connections that were turned away so far, for there were as many as may be.
        package var refusedConnections: Int
        /// Requests that have a request line and no answer that is wholly out.
        package var activeRequests: Int
        /// Threads for work that may take long.
        package var workers: Int
        /// Of these, how many have a job.
        package var busyWorkers: Int
        /// Jobs that wait for a worker.
        package var queuedJobs: Int
        /// Bytes of bodies that came so far.
        package var receivedBytes: Int
        /// Bytes of bodies that were given out so far.
        package var sentBytes: Int
    }

    /// The figures of now.
    package var figures: Figures {
        Figures(
            connections: connections.total,
            maxConnections: configuration.maxConnections,
            acceptedConnections: traffic.accepted.load(ordering: .relaxed),
            refusedConnections: traffic.refused.load(ordering: .relaxed),
            activeRequests: activeRequests.current,
            workers: configuration.workers,
            busyWorkers: workers.busyCount,
            queuedJobs: workers.queuedCount,
            receivedBytes: traffic.receivedBytes.load(ordering: .relaxed),
            sentBytes: traffic.sentBytes.load(ordering: .relaxed)
        )
    }
}

extension Exchange {
    /// What the server that has this request does at the moment.
    package var serverFigures: Server.Figures { record.server.figures }
}
