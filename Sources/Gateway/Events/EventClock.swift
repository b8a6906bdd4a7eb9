internal import Glibc
internal import Locks
internal import MicroHTTP
internal import Segments

/// Wakes connections at their times: the end of a long poll, the next event of a conflated stream, a sign of life.
///
/// One thread sleeps until the earliest of them. Times are rounded up to a few milliseconds, so that many share a ring.
final class EventClock: Sendable {
    private struct State {
        /// Who is to be woken, by the number of the tick.
        var ticks: [Int64: [ObjectIdentifier: Waker]] = [:]
        var tickOf: [ObjectIdentifier: Int64] = [:]
        /// When the thread wakes by itself.
        var nextTick = Int64.max
        var isStopping = false
    }

    private let state = Locked(State())
    private let bell: Bell
    private static let tickNs: Int64 = 4_000_000

    init() throws(SegmentError) { bell = try Bell() }

    /// Has a connection woken at a time of the monotonic clock, in place of the one that was set before.
    func set(_ waker: Waker, atNs: Int64) {
        let tick = (atNs + Self.tickNs - 1) / Self.tickNs
        let isEarlier = state.withLock { state -> Bool in
            Self.clear(waker, &state)
            state.tickOf[ObjectIdentifier(waker)] = tick
            state.ticks[tick, default: [:]][ObjectIdentifier(waker)] = waker
            guard tick < state.nextTick else { return false }
            state.nextTick = tick
            return true
        }
        if isEarlier { bell.ring() }
    }

    /// Has a connection woken no more.
    func clear(_ waker: Waker) { state.withLock { Self.clear(waker, &$0) } }

    private static func clear(_ waker: Waker, _ state: inout State) {
        guard let tick = state.tickOf.removeValue(forKey: ObjectIdentifier(waker)) else { return }
        state.ticks[tick]?[ObjectIdentifier(waker)] = nil
        if state.ticks[tick]?.isEmpty == true { state.ticks[tick] = nil }
    }

    /// Ends ``run()``.
    func stop() {
        state.withLock { $0.isStopping = true }
        bell.ring()
    }

    /// The thread.
    func run() {
        while true {
            let tick = Clock.monotonicNs() / Self.tickNs
            let (due, nextTick, isStopping) = state.withLock { state -> ([Waker], Int64, Bool) in
                var due: [Waker] = []
                for past in state.ticks.keys where past <= tick {
                    for (key, waker) in state.ticks[past] ?? [:] {
                        due.append(waker)
                        state.tickOf[key] = nil
                    }
                    state.ticks[past] = nil
                }
                state.nextTick = state.ticks.keys.min() ?? .max
                return (due, state.nextTick, state.isStopping)
            }
            for waker in due { waker.wake() }
            if isStopping { return }
            let leftNs = nextTick == .max ? Self.longestNs : nextTick * Self.tickNs - Clock.monotonicNs()
            if leftNs > 0 { bell.wait(milliseconds: (min(leftNs, Self.longestNs) + 999_999) / 1_000_000) }
        }
    }

    private static let longestNs: Int64 = 86_400_000_000_000
}
