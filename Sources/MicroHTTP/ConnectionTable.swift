internal import Glibc
internal import Locks

/// All open connections, so that they can be counted and one that stalls can be cut.
///
/// A descriptor in the table is open: libmicrohttpd closes it only after it was removed, under the same lock.
final class ConnectionTable: Sendable {
    private struct State {
        var records: [ObjectIdentifier: ConnectionRecord] = [:]
        /// Connections that were let in and not closed yet; those that no event thread has begun with are among them.
        var total = 0
        var byPeer: [PeerAddress: Int] = [:]
    }

    private let state = Locked(State())

    /// How many there are.
    var count: Int { state.withLock { $0.records.count } }

    /// How many were let in and have not ended.
    var total: Int { state.withLock { $0.total } }

    /// Counts a new connection, unless there are as many as may be: then it says why not.
    func letIn(_ peer: PeerAddress, _ configuration: Server.Configuration) -> Refusal? {
        state.withLock { state in
            let limit = configuration.maxConnectionsPerAddress
            let fromPeer = state.byPeer[peer, default: 0]
            if state.total >= configuration.maxConnections {
                return .tooManyConnections(limit: configuration.maxConnections)
            }
            if limit > 0, fromPeer >= limit, peer != .other { return .tooManyFromAddress(limit: limit) }
            state.total += 1
            state.byPeer[peer] = fromPeer + 1
            return nil
        }
    }

    /// Takes back what ``letIn(_:_:)`` counted.
    func letOut(_ peer: PeerAddress) {
        state.withLock { state in
            state.total -= 1
            let left = state.byPeer[peer, default: 1] - 1
            state.byPeer[peer] = left > 0 ? left : nil
        }
    }

    func add(_ record: ConnectionRecord) { state.withLock { $0.records[ObjectIdentifier(record)] = record } }

    func remove(_ record: ConnectionRecord) { state.withLock { $0.records[ObjectIdentifier(record)] = nil } }

    /// Cuts the connections that `isDue` picks; their event threads notice and close them.
    func cut(where isDue: (ConnectionRecord) -> Bool) {
        state.withLock { state in
            for record in state.records.values where isDue(record) {
                shutdown(record.descriptor, Int32(SHUT_RDWR))
                record.cutSleep()
            }
        }
    }
}

/// Nanoseconds since some point in the past, exact to a few milliseconds.
func monotonicNs() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
