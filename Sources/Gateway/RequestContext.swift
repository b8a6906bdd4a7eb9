internal import MicroHTTP
internal import Segments

/// Thrown on the event thread by work that may take over a millisecond: the request starts again on a worker.
struct Deferral: Error {}

/// Where a request runs, and so how long it may take.
struct RequestContext {
    let exchange: Exchange
    /// Whether this is a worker, which may wait.
    let mayBlock: Bool
    /// How long to wait for other processes, and for memory: all waits of a request together, its place in the queue of
    /// the workers included, so that a segment that is stuck keeps no worker from the others for long.
    let deadline: Deadline

    init(exchange: Exchange, mayBlock: Bool) {
        self.exchange = exchange
        self.mayBlock = mayBlock
        deadline =
            mayBlock ? .at(monotonicNs: exchange.waitsSinceNs() + Self.patienceMilliseconds * 1_000_000) : .immediate
    }

    /// What the sender may do; names that stand in the body are judged by it when they are read.
    var grant: Grant { (exchange.state as? PendingRequest)?.grant ?? .nothing }

    /// Its target, if it came before.
    var target: KnownTarget? { (exchange.state as? PendingRequest)?.known }

    /// Bytes that an event thread copies or encodes at most.
    static let inlineByteLimit = 1 << 20
    /// How long a worker waits for a writer.
    static let patienceMilliseconds: Int64 = 2_000

    /// Leaves the event thread if so many bytes have to be moved.
    func leaveEventThread(for byteCount: Int) throws(Deferral) {
        if !mayBlock, byteCount > Self.inlineByteLimit { throw Deferral() }
    }

    /// So many parts of one request an event thread looks at: each may open a segment.
    private static let inlinePartLimit = 16

    /// Leaves the event thread if a request has more parts than that.
    func leaveEventThread(forParts count: Int) throws(Deferral) {
        if !mayBlock, count > Self.inlinePartLimit { throw Deferral() }
    }
}
