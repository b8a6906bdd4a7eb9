internal import CMicroHTTPD
internal import Locks

/// Wakes a connection that is suspended until something happens.
///
/// It holds no thread meanwhile. libmicrohttpd looks after a suspended connection in no way: that its client is gone, or
/// takes too long, is found by the acceptor's sweep, and whoever stops the server has to wake all.
package final class Waker: Sendable {
    private struct State {
        /// The connection that is suspended, by its address; 0 while none is.
        var suspended: UInt = 0
        /// Whether it was woken while it was awake: the next sleep does not begin.
        var isRung = false
        var isCut = false
        var isOver = false
    }

    private let state = Locked(State())

    /// Wakes the connection, or else keeps it from falling asleep the next time; any thread may call it at any time.
    package func wake() {
        state.withLock { state in
            if state.isOver { return }
            if state.suspended == 0 {
                state.isRung = true
            } else {
                Self.resume(&state)
            }
        }
    }

    /// Wakes the connection for good: it is to end.
    func cut() {
        state.withLock { $0.isCut = true }
        wake()
    }

    /// Whether the connection is to end.
    var isCut: Bool { state.withLock(\.isCut) }

    /// Whether the connection is asleep.
    var isAsleep: Bool { state.withLock { $0.suspended != 0 } }

    /// Suspends the connection, on its event thread; false if it was woken since it was awake last.
    func suspend(_ connection: OpaquePointer) -> Bool {
        let address = UInt(bitPattern: connection)
        return state.withLock { state in
            if state.isRung || state.isCut {
                state.isRung = false
                return false
            }
            // Under the lock: whoever wakes must find it suspended.
            MHD_suspend_connection(OpaquePointer(bitPattern: address))
            state.suspended = address
            return true
        }
    }

    /// Leaves a connection suspended that already is, for a worker; resumes it if it was woken meanwhile.
    ///
    /// Once this is called the event thread may have the connection.
    func leaveSuspended(_ connection: OpaquePointer) {
        let address = UInt(bitPattern: connection)
        state.withLock { state in
            state.suspended = address
            if state.isRung || state.isCut { Self.resume(&state) }
        }
    }

    private static func resume(_ state: inout State) {
        let connection = OpaquePointer(bitPattern: state.suspended)
        state.suspended = 0
        state.isRung = false
        MHD_resume_connection(connection)
    }

    /// The request is over: nobody wakes its connection any more.
    func end() {
        state.withLock { state in
            state.isOver = true
            state.suspended = 0
        }
    }
}
