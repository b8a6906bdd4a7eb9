internal import CSegment
internal import Glibc

/// What may be changed of a segment besides its data; nil is what stays as it is.
package struct SegmentChange: Equatable, Sendable {
    /// Unix time after which the gateway may unlink it, in nanoseconds; 0: never.
    package var expiresNs: Int64?
    /// The permission bits.
    package var mode: UInt32?
    /// Whether a name that is lost is given back.
    package var isPinned: Bool?

    /// Nothing yet.
    package init(expiresNs: Int64? = nil, mode: UInt32? = nil, isPinned: Bool? = nil) {
        self.expiresNs = expiresNs
        self.mode = mode
        self.isPinned = isPinned
    }
}

extension Segment {
    /// Changes what may be changed besides the data, all of it or, where something is refused, nothing.
    ///
    /// `condition` is called under the lock with the sequence before, and may refuse. What is as it shall be already
    /// is no change, and without any the sequence stays; else it grows by 2. Mode and pin are their owner's to change:
    /// ``SegmentError/forbidden(_:)``. An owner whom the mode keeps from writing changes it all the same. Not to be called
    /// with the write lock held.
    package func change(
        _ change: SegmentChange,
        until deadline: Deadline,
        if condition: (UInt64) throws(SegmentError) -> Void = { _ throws(SegmentError) in }
    ) throws(SegmentError) {
        guard !mapping.isWritable, status.uid == geteuid() else {
            return try changeWritable(change, until: deadline, if: condition)
        }
        // The protocol demands that a change be told, and to tell it needs the right to write.
        try openedByOwner(until: deadline).changeWritable(change, until: deadline, if: condition)
    }

    /// The same segment, opened for writing by its owner, whom its mode keeps from that; its mode stays as it is.
    ///
    /// What is open keeps its right when the mode is as before again. That happens under the shared lock, all that a
    /// read-only description can have: it keeps others off who change the mode.
    func openedByOwner(until deadline: Deadline) throws(SegmentError) -> Segment {
        let lock = FileDescriptor(owning: try openForLock(writable: false))
        try lockSegment(lock.number, exclusive: false, until: deadline)
        // Another mode than it was opened with: somebody has changed it, or is about this very thing. The caller starts
        // again by name, so that what is set back here is never what was set meanwhile.
        guard case .success(let now) = lock.status(), now.mode == status.mode else {
            throw .replaced(name.description)
        }
        guard fchmod(lock.number, status.mode | 0o200) == 0 else {
            throw .from(SystemError("fchmod"), name: name.description)
        }
        Failpoint.pass("fchmod for the owner")
        defer {
            _ = fchmod(lock.number, status.mode)
            shmgate_unlock(lock.number)
            Failpoint.pass("fchmod back for the owner")
        }
        let segment = try directory.load(name)
        guard segment.status.isSameFile(as: status), segment.mapping.isWritable else {
            throw .replaced(name.description)
        }
        try segment.lockFile.open { () throws(SegmentError) in try segment.openForLock(writable: true) }
        return segment
    }

    private func changeWritable(
        _ change: SegmentChange,
        until deadline: Deadline,
        if condition: (UInt64) throws(SegmentError) -> Void
    ) throws(SegmentError) {
        try withWriteLock(until: deadline) { lock throws(SegmentError) in
            try condition(lock.sequence)
            try lock.apply(change)
        }
    }
}

extension WriteLock {
    /// Carries a change out.
    ///
    /// What can be refused comes first, and is taken back if what follows it is refused.
    fileprivate mutating func apply(_ change: SegmentChange) throws(SegmentError) {
        let segment = segment
        guard let before = try segment.currentStatus() else { throw .replaced(segment.name.description) }
        let isPinned = segment.isPinned
        let newMode = change.mode.flatMap { $0 == before.mode ? nil : $0 }
        let pins = change.isPinned == true && !isPinned
        let unpins = change.isPinned == false && isPinned
        let expiresNow = try segment.vitals().expiresNs
        let newExpiry = change.expiresNs.flatMap { $0 == expiresNow ? nil : $0 }
        guard newMode != nil || newExpiry != nil || pins || unpins else { return }
        if newMode != nil || pins { try segment.requireOwner() }
        try describe { () throws(SegmentError) in
            if pins { try segment.pinLocked() }
            do throws(SegmentError) {
                if let newMode { try segment.setModeLocked(newMode) }
                if unpins { try segment.unpinLocked(orRestore: newMode == nil ? nil : before.mode) }
                if let newExpiry { try segment.store(UInt64(bitPattern: newExpiry), at: ControlWord.expires) }
            } catch {
                if pins { segment.directory.dropPin(of: segment) }
                throw error
            }
        }
    }
}

extension Segment {
    /// Mode and pin are the owner's to change; refused before anything has begun.
    fileprivate func requireOwner() throws(SegmentError) {
        if status.uid == geteuid() || geteuid() == 0 { return }
        throw .forbidden("expected the owner of the segment \(name), user \(status.uid), to change its mode or pin it")
    }

    fileprivate func unpinLocked(orRestore mode: UInt32?) throws(SegmentError) {
        do throws(SegmentError) {
            try directory.privateFolder.remove(Pin(uuid: uuid, name: name).file)
        } catch {
            if let mode { try? setModeLocked(mode) }
            throw error
        }
    }

    fileprivate func setModeLocked(_ mode: UInt32) throws(SegmentError) {
        if let error = lockFile.changeMode(mode) {
            guard error.code == EPERM || error.code == EROFS || error.code == EACCES else { throw .system(error) }
            throw .forbidden("expected the owner of the segment \(name) to change its mode: \(error)")
        }
    }

    /// Makes the pin; the write lock is held.
    fileprivate func pinLocked() throws(SegmentError) {
        try directory.link(name.description, as: Pin(uuid: uuid, name: name))
        // A process that knows no locks may have moved another file there since the name was checked.
        guard isPinned else {
            directory.dropPin(of: self)
            throw .replaced(name.description)
        }
    }
}
