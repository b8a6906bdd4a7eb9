internal import CSegment
internal import Glibc
internal import Locks

/// What the segments of a directory take together, whoever made them, and what of some limits is left.
///
/// It is brought up to date when somebody asks: the kernel tells which names have changed since, so that a creation does
/// not look at all segments. What is being created counts from the moment when it was allowed. Any thread may ask.
package final class SegmentBudget: Sendable {
    private struct State {
        var known: [SegmentName: Known] = [:]
        /// Files that are no segments, or cannot be read, at the last look: they may become some.
        var doubtful: Set<SegmentName> = []
        /// What is being created, by number.
        var pending: [Int: Pending] = [:]
        var nextPending = 0
        /// What the known ones take, for each of the limits.
        var used: [SegmentUsage]
        var isFresh = true
    }

    private struct Known {
        let file: FileIdentity
        let bytes: Int

        var usage: SegmentUsage { SegmentUsage(bytes: bytes, count: 1) }
    }

    private struct FileIdentity: Equatable {
        let device: UInt64
        let inode: UInt64
    }

    private struct Pending {
        let name: SegmentName
        /// What it takes beyond the segment that it replaces.
        let more: SegmentUsage
        /// Whose name it was when it was allowed.
        let replaced: FileIdentity?
    }

    /// The limits, in the order in which they were given.
    package let limits: [SegmentLimit]
    /// Why changes are not watched, so that every creation looks at all names; nil if they are.
    package var failure: SegmentError? { watch.failure }
    private let directory: SegmentDirectory
    private let watch: NameWatch
    private let state: Locked<State>

    /// A budget for a directory; it looks at all segments when it is first asked.
    package init(_ directory: SegmentDirectory, limits: [SegmentLimit]) throws(SegmentError) {
        self.directory = directory
        self.limits = limits
        watch = try NameWatch(directory, tellsNew: true)
        state = Locked(State(used: limits.map { _ in SegmentUsage() }))
    }

    /// Takes room for a segment that is about to be made; ``SegmentError/outOfSpace(_:)`` says how much is left.
    ///
    /// Of a segment that has the name already only the difference counts. The room is the share's until that is dropped,
    /// which is to be done once the segment has its name, or will have none.
    package func reserve(_ byteCount: Int, for name: SegmentName) throws(SegmentError) -> BudgetShare {
        let outcome = state.withLock { state -> Result<Int, SegmentError> in
            Result { () throws(SegmentError) -> Int in
                try update(&state)
                let old = state.known[name]
                let more = SegmentUsage(bytes: byteCount - (old?.bytes ?? 0), count: old == nil ? 1 : 0)
                for (number, limit) in limits.enumerated() where limit.covers(name) {
                    try limit.check(more, beside: taken(number, state))
                }
                state.nextPending += 1
                state.pending[state.nextPending] = Pending(name: name, more: more, replaced: old?.file)
                return state.nextPending
            }
        }
        return BudgetShare(try outcome.get(), of: self)
    }

    /// What is taken of each of the limits, creations that run included.
    package func usage() throws(SegmentError) -> [SegmentUsage] {
        try state.withLock { state in
            Result { () throws(SegmentError) in
                try update(&state)
                return limits.indices.map { taken($0, state) }
            }
        }.get()
    }

    fileprivate func giveBack(_ number: Int) { state.withLock { _ = $0.pending.removeValue(forKey: number) } }

    /// What a limit has given away: to segments that are there, and to those that are being made.
    private func taken(_ number: Int, _ state: State) -> SegmentUsage {
        var taken = state.used[number]
        for pending in state.pending.values where limits[number].covers(pending.name) {
            // One that has got its name by now is among the known ones.
            if state.known[pending.name]?.file != pending.replaced { continue }
            taken += pending.more
        }
        return taken
    }

    /// Looks at what has changed since the last time.
    private func update(_ state: inout State) throws(SegmentError) {
        let change = watch.wait(atMost: 0)
        guard case .names(let changed) = change, !state.isFresh else {
            let names = Set(try directory.names())
            for name in state.known.keys where !names.contains(name) { forget(name, &state) }
            state.doubtful = []
            for name in names { look(at: name, &state) }
            state.isFresh = false
            return
        }
        for name in changed.union(state.doubtful) { look(at: name, &state) }
    }

    private func look(at name: SegmentName, _ state: inout State) {
        guard let status = try? directory.status(of: name), status.isRegular else { return forget(name, &state) }
        let file = FileIdentity(device: status.device, inode: status.inode)
        if let known = state.known[name], known.file == file, known.bytes == status.size { return }
        forget(name, &state)
        guard directory.hasMagic(name) else {
            state.doubtful.insert(name)
            return
        }
        let known = Known(file: file, bytes: status.size)
        state.known[name] = known
        for (number, limit) in limits.enumerated() where limit.covers(name) { state.used[number] += known.usage }
    }

    private func forget(_ name: SegmentName, _ state: inout State) {
        state.doubtful.remove(name)
        guard let known = state.known.removeValue(forKey: name) else { return }
        for (number, limit) in limits.enumerated() where limit.covers(name) { state.used[number] -= known.usage }
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

extension SegmentDirectory {
    /// Whether a file begins as segments do; false if it cannot be read.
    fileprivate func hasMagic(_ name: SegmentName) -> Bool {
        guard case .success(let number) = FileDescriptor.open(name.description, in: descriptor, flags: O_RDONLY) else {
            return false
        }
        return FileDescriptor(owning: number).bytes(0..<ControlPage.magic.count) == ControlPage.magic
    }
}
