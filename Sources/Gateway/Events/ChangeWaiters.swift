internal import Locks
internal import MicroHTTP
internal import Segments

/// The threads that wait for segments to change: as many as there are segments to wait for, 127 to each.
///
/// Beyond ``mostThreads`` of them one more thread looks at the rest four times a second. Who is patient gets half of the
/// threads at the most, so that those who watch single segments find room beside those who watch all.
final class ChangeWaiters: Sendable {
    /// Who is told of which segment.
    private struct Watch: Hashable {
        let segment: ObjectIdentifier
        let listener: ObjectIdentifier

        init(_ segment: Segment, _ listener: any ChangeListener) {
            self.segment = ObjectIdentifier(segment)
            self.listener = ObjectIdentifier(listener)
        }
    }

    private struct State {
        var woken: [(waiter: ChangeWaiter, thread: PlatformThread)] = []
        var looking: (waiter: ChangeWaiter, thread: PlatformThread)?
        var homes: [Watch: ChangeWaiter] = [:]
        var isStopping = false
    }

    private let state = Locked(State())
    /// So many threads wait, for some 4,000 segments.
    private static let mostThreads = 32
    private static let lookMilliseconds: Int64 = 250

    /// Has the first thread; false if the system gives none.
    func begin() -> Bool { state.withLock { !$0.woken.isEmpty || Self.start(&$0) != nil } }

    /// Waits for a segment too, of which the listener knows a sequence; ``begin()`` comes before.
    func add(_ segment: Segment, seen: UInt64, _ listener: any ChangeListener, isPatient: Bool) {
        state.withLock { state in
            if state.isStopping { return }
            let waiter = Self.home(for: segment, seen, listener, isPatient, &state)
            state.homes[Watch(segment, listener)] = waiter
        }
    }

    /// Has the kernel wait for a segment that is only looked at, if there is room.
    func hurry(_ segment: Segment, _ listener: any ChangeListener) {
        state.withLock { state in
            guard !state.isStopping, let looking = state.looking?.waiter,
                state.homes[Watch(segment, listener)] === looking, let seen = try? segment.sequence()
            else { return }
            // What was written since the last look is told by the new one: it begins a write earlier.
            looking.remove(segment, listener)
            state.homes[Watch(segment, listener)] = Self.home(for: segment, seen &- 2, listener, false, &state)
        }
    }

    private static func home(
        for segment: Segment,
        _ seen: UInt64,
        _ listener: any ChangeListener,
        _ isPatient: Bool,
        _ state: inout State
    ) -> ChangeWaiter {
        let most = isPatient ? mostThreads / 2 : mostThreads
        for (waiter, _) in state.woken.prefix(most) where waiter.add(segment, seen: seen, listener) { return waiter }
        if let waiter = state.woken.count < most ? start(&state) : nil, waiter.add(segment, seen: seen, listener) {
            return waiter
        }
        // Without another thread the first one has to do.
        let waiter = looking(&state) ?? state.woken[0].waiter
        _ = waiter.add(segment, seen: seen, listener, beyondLimit: true)
        return waiter
    }

    private static func start(_ state: inout State) -> ChangeWaiter? {
        let waiter = ChangeWaiter()
        guard let thread = PlatformThread.start(name: "shmgate-watch", { waiter.run() }) else { return nil }
        state.woken.append((waiter, thread))
        return waiter
    }

    private static func looking(_ state: inout State) -> ChangeWaiter? {
        if let looking = state.looking { return looking.waiter }
        let waiter = ChangeWaiter(.looking(everyMilliseconds: lookMilliseconds))
        guard let thread = PlatformThread.start(name: "shmgate-look", { waiter.run() }) else { return nil }
        state.looking = (waiter, thread)
        return waiter
    }

    /// Waits for a segment no more that was added for this listener.
    func remove(_ segment: Segment, _ listener: any ChangeListener) {
        let waiter = state.withLock { $0.homes.removeValue(forKey: Watch(segment, listener)) }
        waiter?.remove(segment, listener)
    }

    /// Ends threads that have nothing to wait for, but the first.
    func tidy() {
        let idle = state.withLock { state -> [(waiter: ChangeWaiter, thread: PlatformThread)] in
            let idle = state.woken.dropFirst().filter { $0.waiter.count == 0 }
            state.woken.removeAll { entry in idle.contains { $0.waiter === entry.waiter } }
            return idle
        }
        Self.end(idle)
    }

    /// Ends all threads.
    func stop() {
        let all = state.withLock { state -> [(waiter: ChangeWaiter, thread: PlatformThread)] in
            state.isStopping = true
            defer { (state.woken, state.looking, state.homes) = ([], nil, [:]) }
            return state.woken + (state.looking.map { [$0] } ?? [])
        }
        Self.end(all)
    }

    private static func end(_ waiters: [(waiter: ChangeWaiter, thread: PlatformThread)]) {
        for (waiter, _) in waiters { waiter.stop() }
        for (_, thread) in waiters { thread.join() }
    }

    /// How many threads wait, and for how many segments.
    var figures: (threads: Int, segments: Int) {
        state.withLock { ($0.woken.count + ($0.looking == nil ? 0 : 1), $0.homes.count) }
    }
}
