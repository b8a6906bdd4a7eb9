internal import Locks

/// What the segments of a directory take together, whoever made them, and what of some limits is left.
///
/// It is brought up to date when somebody asks: the kernel tells which names have changed since, so that a creation does
/// not look at all segments. What is being created counts from the moment when it was allowed. Any thread may ask.
package final class SegmentBudget: Sendable {
    private struct State {
        var census: SegmentCensus
        /// What is being created, by number; a name may be among them more than once.
        var pending: [Int: Creation] = [:]
        var nextPending = 0
    }

    private struct Creation {
        let name: SegmentName
        let bytes: Int
    }

    /// The limits, in the order in which they were given.
    package let limits: [SegmentLimit]
    /// Why changes are not watched, so that every creation looks at all names; nil if they are.
    package var failure: SegmentError? { watch.failure }
    private let watch: NameWatch
    private let state: Locked<State>
    /// The numbers of the limits, the longest prefix first: who is refused learns most from his own.
    private let narrowestFirst: [Int]

    /// A budget for a directory; it looks at all segments when it is first asked.
    package init(_ directory: SegmentDirectory, limits: [SegmentLimit]) throws(SegmentError) {
        self.limits = limits
        narrowestFirst = limits.indices.sorted { limits[$0].prefix.utf8.count > limits[$1].prefix.utf8.count }
        watch = try NameWatch(directory, tellsNew: true, tellsWritten: true)
        state = Locked(State(census: SegmentCensus(directory, limits: limits)))
    }

    /// Takes room for a segment that is about to be made, or says in ``SegmentError/outOfSpace(_:)`` how much is left.
    ///
    /// Of a segment that has the name already only the difference counts. The room is the share's until that is dropped,
    /// which is to be done once the segment has its name, or will have none. Who sees only the names with a prefix is told
    /// what is left only of limits that are about no others.
    package func reserve(
        _ byteCount: Int,
        for name: SegmentName,
        seeing prefix: String = ""
    ) throws(SegmentError) -> BudgetShare {
        let number = try state.withLock { state throws(SegmentError) -> Int in
            state.census.note(watch.wait(atMost: 0))
            try state.census.catchUp()
            let creation = Creation(name: name, bytes: byteCount)
            try check(creation, isLeast: false, seeing: prefix, state)
            state.nextPending += 1
            state.pending[state.nextPending] = creation
            return state.nextPending
        }
        return BudgetShare(number, of: self)
    }

    /// Refuses a segment that cannot have so much, as far as a short look tells.
    ///
    /// For an event thread, before a body has come. It takes no room, and what it lets pass may still be refused.
    package func refuse(_ leastByteCount: Int, for name: SegmentName, seeing prefix: String) throws(SegmentError) {
        _ = try state.withLockIfAvailable { state throws(SegmentError) in
            let (change, isAll) = watch.glance()
            state.census.note(change)
            guard isAll, state.census.isNearlyThere else { return }
            try state.census.catchUp()
            try check(Creation(name: name, bytes: leastByteCount), isLeast: true, seeing: prefix, state)
        }
    }

    /// What is taken of each of the limits, creations that run included.
    package func usage() throws(SegmentError) -> [SegmentUsage] {
        try state.withLock { state throws(SegmentError) in
            state.census.note(watch.wait(atMost: 0))
            try state.census.catchUp()
            return limits.indices.map { taken($0, state) }
        }
    }

    fileprivate func giveBack(_ number: Int) { state.withLock { _ = $0.pending.removeValue(forKey: number) } }

    /// Refuses a creation that goes beyond a limit.
    private func check(_ creation: Creation, isLeast: Bool, seeing prefix: String, _ state: State) throws(SegmentError)
    {
        let wanted = more(creation.name, state, with: creation.bytes) - more(creation.name, state)
        for number in narrowestFirst where limits[number].covers(creation.name) {
            try limits[number].check(wanted, isLeast: isLeast, beside: taken(number, state), seeing: prefix)
        }
    }

    /// What a limit has given away: to segments that are there, and to those that are being made.
    private func taken(_ number: Int, _ state: State) -> SegmentUsage {
        let names = Set(state.pending.values.map(\.name))
        return names.reduce(state.census.used[number]) { limits[number].covers($1) ? $0 + more($1, state) : $0 }
    }

    /// What creations under a name, and one of `bytes` if that is not nil, take beyond the segment that has it now.
    ///
    /// As long as one is being made its memory is there, beside that of the others; the old one's is not free before the
    /// new one has its name. So a name takes the larger of both. One that has got its name is among the segments
    /// already and counts once.
    private func more(_ name: SegmentName, _ state: State, with bytes: Int? = nil) -> SegmentUsage {
        let made = state.pending.values.lazy.filter { $0.name == name }.map(\.bytes) + (bytes.map { [$0] } ?? [])
        if made.isEmpty { return SegmentUsage() }
        let sum = made.reduce(SegmentUsage()) { $0 + SegmentUsage(bytes: $1) }
        guard let old = state.census.bytes(of: name) else { return SegmentUsage(exactly: sum.exactBytes, count: 1) }
        return SegmentUsage(exactly: max(sum.exactBytes - Int128(old), 0), count: 0)
    }
}

/// Room of a budget that a segment has while it is made; given back when it is dropped.
package final class BudgetShare: Sendable {
    private let number: Int
    private let budget: SegmentBudget

    fileprivate init(_ number: Int, of budget: SegmentBudget) {
        self.number = number
        self.budget = budget
    }

    deinit { budget.giveBack(number) }
}
