internal import Glibc
internal import Locks
internal import Segments

/// A request target that comes again: its route and parameters, read once, and what it means for a segment.
final class KnownTarget: Sendable {
    let route: Route
    let query: Query
    private let text: [UInt8]
    private let plan = Locked<(accept: [String], read: PlannedRead)?>(nil)
    private let planOfWrite = Locked<PlannedWrite?>(nil)

    fileprivate init(_ text: UnsafeRawBufferPointer, _ route: Route, _ query: Query) {
        self.text = Array(text)
        self.route = route
        self.query = query
    }

    /// Whether this is its text.
    fileprivate func has(_ text: UnsafeRawBufferPointer) -> Bool {
        guard self.text.count == text.count, let base = text.baseAddress else { return false }
        return self.text.withUnsafeBytes { known in
            guard let known = known.baseAddress else { return false }
            return memcmp(known, base, text.count) == 0
        }
    }

    /// The read that a GET of it was, if it accepted the same; only good for the segment that it was planned for.
    func read(accept: [String]) -> PlannedRead? { plan.withLock { $0?.accept == accept ? $0?.read : nil } }

    /// Keeps what was planned, if it is small, in the place of what was planned before.
    func remember(_ read: PlannedRead, accept: [String]) {
        guard read.isSmall else { return }
        // What is let go here is unmapped behind the lock.
        var dropped: (accept: [String], read: PlannedRead)? = (accept, read)
        plan.withLock { swap(&$0, &dropped) }
        withExtendedLifetime(dropped) {}
    }

    /// The write that a PATCH of it was; only good for the segment that it was planned for.
    var write: PlannedWrite? { planOfWrite.withLock { $0 } }

    /// Keeps what was planned, if it is small, in the place of what was planned before.
    func remember(_ write: PlannedWrite) {
        guard write.isSmall else { return }
        // What is let go here is unmapped behind the lock.
        var dropped: PlannedWrite? = write
        planOfWrite.withLock { swap(&$0, &dropped) }
        withExtendedLifetime(dropped) {}
    }

    /// Lets go of what is kept with the read and nobody wanted since this was called last.
    fileprivate func dropIdle() { plan.withLock { $0?.read }?.dropIdle() }

    /// Lets go of a read and a write of some segment.
    fileprivate func forget(if isGone: (OpenSegment) -> Bool) {
        // What is let go here is unmapped behind the locks.
        var read: PlannedRead?
        plan.withLock { plan in
            guard let planned = plan?.read, isGone(planned.target.open) else { return }
            read = planned
            plan = nil
        }
        var write: PlannedWrite?
        planOfWrite.withLock { planned in
            if let open = planned?.target.open, isGone(open) { swap(&planned, &write) }
        }
        withExtendedLifetime((read, write)) {}
    }
}

/// The request targets that came last: most clients ask for few things many times, and to read a target and to plan what
/// it means takes longer than to do it.
///
/// Nothing is decided here. Who may ask for it, and whether the name still leads to the segment, is asked each time.
final class KnownTargets: Sendable {
    private struct State {
        /// By the hashes of their texts.
        var targets: [Int: KnownTarget] = [:]
        /// Hashes of those that came once.
        ///
        /// Whoever walks through many things asks for each only once; a target is kept that comes again before another
        /// one took its place here.
        var once = [Int](repeating: 0, count: 4_096)
    }

    /// The room of the answers that are kept with the reads.
    let answers = KeptRoom(limit: 8 << 20)
    /// The room of the outlines that are kept with the reads.
    let outlines = KeptRoom(limit: 4 << 20)
    private let state = Locked(State())
    /// So many are kept; then all are forgotten, and those that matter come again.
    private static let limit = 1_024
    /// Longer ones are not kept.
    private static let mostBytes = 1_024

    /// The target with this text; nil if it is not known.
    func find(_ text: UnsafeRawBufferPointer) -> KnownTarget? {
        let key = Self.key(text)
        guard let known = state.withLock({ $0.targets[key] }), known.has(text) else { return nil }
        return known
    }

    /// Keeps a target that was read whole, if it came before.
    func remember(_ text: UnsafeRawBufferPointer, _ route: Route, _ query: Query) {
        guard text.count <= Self.mostBytes else { return }
        let key = Self.key(text)
        // What is let go here is unmapped behind the lock.
        var dropped: [Int: KnownTarget] = [:]
        state.withLock { state in
            let place = key & (state.once.count - 1)
            if state.once[place] != key {
                state.once[place] = key
                return
            }
            if state.targets.count >= Self.limit { swap(&state.targets, &dropped) }
            state.targets[key] = KnownTarget(text, route, query)
        }
        withExtendedLifetime(dropped) {}
    }

    /// Lets go of all that was planned for a segment, which keeps its memory.
    func forget(_ open: OpenSegment) {
        for target in known { target.forget { $0 === open } }
    }

    /// Lets go of what was planned for segments that are not open any more, or whose names lead elsewhere by now, and of
    /// what is kept with them and nobody wants any more.
    func tidy(isOpen: (OpenSegment) -> Bool) {
        for target in known {
            target.forget { !isOpen($0) || (try? $0.segment.isCurrent()) != true }
            target.dropIdle()
        }
    }

    private var known: [KnownTarget] { state.withLock { Array($0.targets.values) } }

    private static func key(_ text: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: text)
        return hasher.finalize()
    }
}
