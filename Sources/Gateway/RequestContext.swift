internal import MicroHTTP
internal import Segments

/// Thrown on the event thread by work that may take over a millisecond: the request starts again on a worker.
struct Deferral: Error {}

/// Where a request runs, and so how long it may take.
struct RequestContext {
    let exchange: Exchange
    /// Whether this is a worker, which may wait.
    let mayBlock: Bool

    /// Bytes that an event thread copies or encodes at most.
    static let inlineByteLimit = 1 << 20
    /// How long a worker waits for a writer.
    static let patienceMilliseconds: Int64 = 2_000

    /// How long to wait for another process.
    var deadline: Deadline { mayBlock ? .after(milliseconds: Self.patienceMilliseconds) : .immediate }

    /// Leaves the event thread if so many bytes have to be moved.
    func leaveEventThread(for byteCount: Int) throws(Deferral) {
        if !mayBlock, byteCount > Self.inlineByteLimit { throw Deferral() }
    }
}
