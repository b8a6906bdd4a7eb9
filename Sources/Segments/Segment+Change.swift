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
        try setModeOfOwner(status.mode | 0o200)
        var change = change
        if change.mode == nil { change.mode = status.mode }
        do throws(SegmentError) {
            let segment = try directory.load(name)
            guard segment.status.isSameFile(as: status) else { throw .replaced(name.description) }
            try segment.changeWritable(change, until: deadline, if: condition)
        } catch {
            try? setModeOfOwner(status.mode)
            throw error
        }
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

    /// Changes the mode without the lock, through a description that may only read.
    private func setModeOfOwner(_ mode: UInt32) throws(SegmentError) {
        switch FileDescriptor.open(name.description, in: directory.descriptor, flags: O_RDONLY) {
        case .failure(let error): throw .from(error, name: name.description)
        case .success(let number):
            let file = FileDescriptor(owning: number)
            guard case .success(let now) = file.status(), now.isSameFile(as: status) else {
                throw .replaced(name.description)
            }
            guard fchmod(file.number, mode) == 0 else { throw .from(SystemError("fchmod"), name: name.description) }
            Failpoint.pass("fchmod for the owner")
        }
    }
}

extension WriteLock {
    /// Carries a change out.
    ///
    /// What can be refused comes first, and is taken back if what follows it is refused.
    fileprivate mutating func apply(_ change: SegmentChange) throws(SegmentError) {
        guard let before = try segment.currentStatus() else { throw .replaced(segment.name.description) }
        let isPinned = segment.isPinned
        let newMode = change.mode.flatMap { $0 == before.mode ? nil : $0 }
        let pins = change.isPinned == true && !isPinned
        let unpins = change.isPinned == false && isPinned
        if pins { try segment.pinLocked() }
        do throws(SegmentError) {
            if let newMode { try setMode(newMode) }
            if unpins { try unpin(orRestore: newMode == nil ? nil : before.mode) }
        } catch {
            if pins { segment.directory.dropPin(of: segment) }
            throw error
        }
        if let expiresNs = change.expiresNs, try expiresNs != segment.vitals().expiresNs {
            try set(UInt64(bitPattern: expiresNs), at: ControlWord.expires)
        } else if newMode != nil || pins || unpins {
            try announceChange()
        }
    }

    private func unpin(orRestore mode: UInt32?) throws(SegmentError) {
        do throws(SegmentError) {
            try segment.directory.privateFolder.remove(Pin(uuid: segment.uuid, name: segment.name).file)
        } catch {
            if let mode { try? setMode(mode) }
            throw error
        }
    }

    private func setMode(_ mode: UInt32) throws(SegmentError) {
        if let error = segment.lockFile.changeMode(mode) {
            guard error.code == EPERM || error.code == EROFS || error.code == EACCES else { throw .system(error) }
            throw .forbidden("expected the owner of the segment \(segment.name) to change its mode: \(error)")
        }
    }
}

extension Segment {
    /// Makes the pin; the write lock is held.
    fileprivate func pinLocked() throws(SegmentError) {
        guard status.uid == geteuid() || geteuid() == 0 else {
            throw .forbidden("expected the owner of the segment \(name), user \(status.uid), to pin it")
        }
        try directory.link(name.description, as: Pin(uuid: uuid, name: name))
        // A process that knows no locks may have moved another file there since the name was checked.
        guard isPinned else {
            directory.dropPin(of: self)
            throw .replaced(name.description)
        }
    }
}
