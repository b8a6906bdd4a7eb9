internal import CSegment
internal import Glibc

extension Segment {
    /// The slow way: under the shared lock nobody writes.
    ///
    /// An odd sequence then means that the writer died. Who may write recovers first; who may not redoes the write on a
    /// copy of his own, and changes nothing.
    func lockedSnapshot(
        _ parts: [SnapshotPart],
        until deadline: Deadline,
        retries: Int
    ) throws(SegmentError) -> Snapshot {
        var mayRecover = isWritable
        while true {
            // Who may write stands in the turnstile like a writer, for the kernel lets readers pass one who waits there.
            let lock = FileDescriptor(owning: try openForLock(writable: mapping.isWritable))
            do throws(SegmentError) {
                try lockSegment(lock.number, exclusive: false, until: deadline)
            } catch {
                throw namingWriter(error)
            }
            let sequence = try sequence()
            if sequence & 1 == 0 {
                try gather(parts)
                let isDamaged = try isDamaged()
                // Not before: the words and the bytes are of one sequence because of the lock.
                shmgate_unlock(lock.number)
                return Snapshot(sequence: sequence, isDamaged: isDamaged, retries: retries)
            }
            if !mayRecover {
                let isDamaged = try gatherRecovered(parts, at: sequence)
                shmgate_unlock(lock.number)
                return Snapshot(sequence: sequence &+ 1, isDamaged: isDamaged, retries: retries)
            }
            mayRecover = false
            shmgate_unlock(lock.number)
            try withWriteLock(until: deadline) { _ in }
        }
    }

    /// Whether a writer died in a write that no journal tells the whole of; false while one is at work.
    ///
    /// Does not wait: where the lock is not to be had, or the name leads elsewhere, nothing is known to be damaged.
    func isHalfWritten() -> Bool {
        do throws(SegmentError) {
            let lock = FileDescriptor(owning: try openForLock(writable: false))
            try lockSegment(lock.number, exclusive: false, until: .immediate)
            let sequence = try sequence()
            if sequence & 1 == 0 { return false }
            let isDamaged = try isDamaged(recoveredBy: Journal.verified(in: self, at: sequence))
            shmgate_unlock(lock.number)
            return isDamaged
        } catch {
            return false
        }
    }

    /// Copies what the segment will hold once somebody has recovered from the death at the odd `sequence`.
    ///
    /// Returns whether that is damaged. The lock is held, shared at least.
    private func gatherRecovered(
        _ parts: [SnapshotPart],
        at sequence: UInt64
    ) throws(SegmentError) -> Bool {
        // Not the description that holds the lock: a mapping would keep that one, and with it the lock, open.
        let file = FileDescriptor(owning: try openForLock(writable: false))
        let copy: Mapping
        do throws(SystemError) {
            copy = try Mapping(copying: file, count: totalBytes)
        } catch {
            throw .from(error, name: name.description)
        }
        let journal = try Journal.verified(in: self, at: sequence)
        try journal?.redo(in: self, onto: copy)
        do throws(MappingFault) {
            try copy.gather(parts)
        } catch {
            throw error.error(name)
        }
        return try isDamaged(recoveredBy: journal)
    }

    /// Whether the segment will be damaged once somebody has recovered it by this journal; nil is none that holds.
    private func isDamaged(recoveredBy journal: borrowing VerifiedJournal?) throws(SegmentError) -> Bool {
        switch journal {
        case .none: true
        case .some(let journal): journal.clearsDamage ? false : try isDamaged()
        }
    }

    /// Opens this very file once more, for locks alone.
    func openForLock(writable: Bool) throws(SegmentError) -> Int32 {
        let opened = FileDescriptor.open(
            name.description,
            in: directory.descriptor,
            flags: writable ? O_RDWR : O_RDONLY
        )
        let number: Int32
        switch opened {
        case .success(let value): number = value
        case .failure(let error): throw .from(error, name: name.description)
        }
        var raw = stat()
        guard fstat(number, &raw) == 0, FileStatus(raw).isSameFile(as: status) else {
            close(number)
            throw .replaced(name.description)
        }
        return number
    }
}
