internal import CSegment
internal import Glibc

/// The exclusive write lock of a segment, held: the name was checked and a dead writer's work was recovered.
///
/// Lives only inside ``Segment/withWriteLock(until:_:)``.
public struct WriteLock: ~Copyable {
    /// The segment that is locked: what is gathered from it under the lock is stable.
    public let segment: Segment
    /// The sequence at this moment; even, and nobody else can change it.
    public fileprivate(set) var sequence: UInt64
}

extension Segment {
    /// Runs `body` with the write lock held, waiting for it until `deadline`.
    ///
    /// The body may read what a write depends on, and prepare the write then; the longer it takes, the longer others
    /// wait. Before it runs, the name is checked to lead here still (else ``SegmentError/replaced(_:)`` or
    /// ``SegmentError/noSuchSegment(_:)``) and what a dead writer left is replayed or marked as damage.
    @inlinable
    public func withWriteLock<R>(
        until deadline: Deadline,
        _ body: (inout WriteLock) throws(SegmentError) -> R
    ) throws(SegmentError) -> R {
        var lock = try lockForWriting(until: deadline)
        defer { freeLock() }
        return try body(&lock)
    }

    /// Takes the write lock and makes ready what it protects; who gets it calls ``freeLock()``.
    @usableFromInline
    func lockForWriting(until deadline: Deadline) throws(SegmentError) -> WriteLock {
        guard mapping.isWritable else {
            throw .forbidden("the mode of the segment \(name) does not allow this process to write")
        }
        do throws(SegmentError) {
            try lockFile.acquire(until: deadline) { () throws(SegmentError) in try openForLock(writable: true) }
        } catch {
            throw namingWriter(error)
        }
        do throws(SegmentError) {
            try checkNameLocked()
            var sequence = try sequence()
            if sequence & 1 == 1 { sequence = try recoverLocked(from: sequence, until: deadline) }
            var lock = WriteLock(segment: self, sequence: sequence)
            try lock.takeBackState()
            return lock
        } catch {
            lockFile.release()
            throw error
        }
    }

    /// Frees the write lock.
    @usableFromInline
    func freeLock() { lockFile.release() }

    /// An error of a lock that is held, with the writer whom the page names while he writes: the kernel names none.
    func namingWriter(_ error: SegmentError) -> SegmentError {
        guard case .busy = error, let sequence = try? sequence(), sequence & 1 == 1,
            let pid = try? guarded({ mapping throws(MappingFault) in try mapping.load(ControlWord.writerPid) })
        else { return error }
        return .busy("expected the lock of the segment \(name), process \(pid) is writing to it")
    }

    /// Step 1 of writing: the name.
    private func checkNameLocked() throws(SegmentError) {
        guard let now = try directory.status(of: name) else { throw .noSuchSegment(name.description) }
        guard now.isSameFile(as: status) else { throw .replaced(name.description) }
    }

    /// Step 2 of writing: somebody died at the odd sequence.
    ///
    /// Returns the even one that ends his write.
    private func recoverLocked(from sequence: UInt64, until deadline: Deadline) throws(SegmentError) -> UInt64 {
        guard let journal = try Journal.verified(in: self, at: sequence) else {
            try markInterrupted()
            InterruptedWriters.damage()
            try endRecovery(from: sequence)
            return sequence &+ 1
        }
        if deadline.isImmediate, journal.fileBytes > Self.longRecoveryBytes {
            throw .busy("a writer died, and to finish its write takes longer than who cannot wait has")
        }
        try journal.redo(in: self, onto: mapping)
        if journal.clearsDamage {
            try guarded { mapping throws(MappingFault) in try mapping.store(0, at: ControlWord.damaged) }
            Failpoint.pass("recovery: damage cleared")
        }
        try endRecovery(from: sequence)
        Journal.discard(journal, in: self)
        InterruptedWriters.complete()
        return sequence &+ 1
    }

    /// A write of so many bytes is not finished by who cannot wait.
    private static let longRecoveryBytes = 1 << 20

    private func endRecovery(from sequence: UInt64) throws(SegmentError) {
        try guarded { mapping throws(MappingFault) in
            try mapping.store(UInt64(bitPattern: Clock.unixNs()), at: ControlWord.modified)
            Failpoint.pass("recovery: modified")
            try mapping.store(sequence &+ 1, at: ControlWord.sequence)
            Failpoint.pass("recovery: even sequence")
        }
        shmgate_wake(mapping.base)
        Failpoint.pass("recovery: wake")
    }

    /// Says that the segment holds a half write; the lock is held and the sequence odd.
    func markInterrupted() throws(SegmentError) {
        try guarded { mapping throws(MappingFault) in
            try mapping.store(1, at: ControlWord.damaged)
            Failpoint.pass("damage")
            let count = try mapping.load(ControlWord.interruptedWrites)
            try mapping.store(count &+ 1, at: ControlWord.interruptedWrites)
            Failpoint.pass("interrupted writes")
        }
    }
}

extension Segment {
    /// Says that a write of the whole has overwritten every half one; the lock is held and the sequence odd.
    func clearDamage() throws(SegmentError) {
        try guarded { mapping throws(MappingFault) in try mapping.store(0, at: ControlWord.damaged) }
        Failpoint.pass("damage cleared")
    }

    /// Stores one word of the control page; the lock is held.
    func store(_ value: UInt64, at word: Int) throws(SegmentError) {
        try guarded { mapping throws(MappingFault) in
            try mapping.store(value, at: word)
            Failpoint.pass("word of the control page")
        }
    }
}

extension WriteLock {
    /// Carries out a prepared write: journal, odd sequence, data, even sequence, wake.
    ///
    /// Returns the new sequence. All or nothing: a process that is killed in here leaves a journal that the next one to take the lock replays.
    public mutating func commit(_ write: PreparedWrite) throws(SegmentError) -> UInt64 {
        precondition(write.segment === segment, "a write is carried out on the segment that it was prepared for")
        guard !segment.isReadOnly else { throw .forbidden("the segment \(segment.name) is read-only") }
        let odd = sequence &+ 1
        try write.storeJournal(sequence: odd)
        try beginLocked(odd)
        do throws(SegmentError) {
            try write.apply()
        } catch {
            // Only a truncated file comes here. What is left of it holds a half write, and its readers are told so; if
            // even the page is gone there is nobody to tell.
            try? segment.markInterrupted()
            try? endLocked(odd)
            throw error
        }
        if write.coversWhole { try segment.clearDamage() }
        try endLocked(odd)
        write.dropJournal()
        return sequence
    }

    /// Sets the state before a name is changed.
    mutating func setState(_ state: SegmentState) throws(SegmentError) {
        try segment.store(state.rawValue, at: ControlWord.state)
        try announceChange()
    }

    /// Changes what a description says, as a write that has nothing to redo.
    ///
    /// Who dies in it leaves an odd sequence, which the next one ends: no tag stands for two descriptions. A body that
    /// throws has changed nothing, and the sequence is what it was.
    mutating func describe(_ body: () throws(SegmentError) -> Void) throws(SegmentError) {
        let odd = sequence &+ 1
        try Journal(place: .page([])).store(in: segment, sequence: odd, coversWhole: false)
        try beginLocked(odd)
        do throws(SegmentError) {
            try body()
        } catch {
            try? segment.store(sequence, at: ControlWord.sequence)
            shmgate_wake(segment.mapping.base)
            throw error
        }
        try endLocked(odd)
    }

    /// Ends a change of what is no data: the next even sequence, and everybody woken.
    mutating func announceChange() throws(SegmentError) {
        try segment.guarded { mapping throws(MappingFault) in
            try mapping.store(sequence &+ 2, at: ControlWord.sequence)
            Failpoint.pass("sequence of the word")
        }
        sequence &+= 2
        shmgate_wake(segment.mapping.base)
        Failpoint.pass("wake for the word")
    }

    /// Makes the segment live again, as a write of its own, if its state says otherwise: the name still leads here, so
    /// the change that the state was set for did not happen.
    fileprivate mutating func takeBackState() throws(SegmentError) {
        let state = try segment.guarded { mapping throws(MappingFault) in try mapping.load(ControlWord.state) }
        if state != SegmentState.live.rawValue { try setState(.live) }
    }

    func beginLocked(_ odd: UInt64) throws(SegmentError) {
        try segment.guarded { mapping throws(MappingFault) in
            try mapping.store(UInt64(shmgate_own_pid()), at: ControlWord.writerPid)
            Failpoint.pass("writer's pid")
            guard shmgate_store_odd(mapping.base, odd) == 0 else { throw MappingFault() }
            Failpoint.pass("odd sequence")
        }
    }

    mutating func endLocked(_ odd: UInt64) throws(SegmentError) {
        try segment.guarded { mapping throws(MappingFault) in
            try mapping.store(UInt64(bitPattern: Clock.unixNs()), at: ControlWord.modified)
            Failpoint.pass("modified")
            try mapping.store(odd &+ 1, at: ControlWord.sequence)
            Failpoint.pass("even sequence")
        }
        sequence = odd &+ 1
        shmgate_wake(segment.mapping.base)
        Failpoint.pass("wake")
    }
}

/// What the control page says of the name of a segment.
enum SegmentState: UInt64 {
    case live = 0
    case replaced = 1
    case unlinked = 2
}
