internal import CMicroHTTPD
internal import Glibc

/// Connections that have their last answer: beyond the limit, or with a body that does not end; each stays until its
/// client has read that.
///
/// To close at once would often take the answer away again: what comes afterwards is answered with a reset, and that
/// overtakes what was not read yet. Only the acceptor's thread has these, and never more than a few.
struct TurnedAway {
    /// So many may wait for their clients; the oldest goes for a new one.
    static let most = 64
    /// So long may a client take to read and hang up.
    private static let patienceNs: Int64 = 2_000_000_000
    /// So often at the most does the log say that some were turned away.
    private static let silenceNs: Int64 = 10_000_000_000

    private var waiting: [(descriptor: Int32, untilNs: Int64)] = []
    private var untold = 0
    private var silentUntilNs: Int64 = 0

    /// How many there are.
    var count: Int { waiting.count }

    /// Sends the answer, if there is one that the client would understand, and says that nothing follows.
    mutating func add(_ descriptor: Int32, _ response: Response?) {
        untold += 1
        response?.withWireBytes(Stamp(id: .next(), timing: Timing())) { bytes in
            _ = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        keep(descriptor)
    }

    /// Keeps a connection that was answered, and says that nothing follows; owns its descriptor from now on.
    mutating func keep(_ descriptor: Int32) {
        shutdown(descriptor, Int32(SHUT_WR))
        if waiting.count == Self.most { close(waiting.removeFirst().descriptor) }
        waiting.append((descriptor, monotonicNs() + Self.patienceNs))
    }

    /// Closes what the clients have closed or had long enough; gives a line for the log from time to time.
    mutating func sweep(at nowNs: Int64) -> String? {
        waiting.removeAll { descriptor, untilNs in
            let isOver = nowNs >= untilNs || Self.hasEnded(descriptor)
            if isOver { close(descriptor) }
            return isOver
        }
        guard untold > 0, nowNs >= silentUntilNs else { return nil }
        defer { untold = 0 }
        silentUntilNs = nowNs + Self.silenceNs
        return "turned away \(untold) connections: as many as may be are open"
    }

    /// Closes all of them.
    mutating func closeAll() {
        for (descriptor, _) in waiting { close(descriptor) }
        waiting = []
    }

    /// Whether the client has hung up; what he sent before is dropped.
    private static func hasEnded(_ descriptor: Int32) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { piece in
            for _ in 0..<16 {
                let count = recv(descriptor, piece.baseAddress, piece.count, Int32(MSG_DONTWAIT))
                if count == 0 { return true }
                if count < 0 { return errno != EAGAIN && errno != EINTR }
            }
            return false
        }
    }
}
