internal import CSegment
internal import Glibc

/// What became of a pin whose name did not lead to its segment.
package struct PinFinding: Sendable, Equatable {
    /// What was done.
    package enum Outcome: Sendable, Equatable {
        /// The name was missing, and leads to the segment again.
        case givenBack
        /// Another file has the name: it keeps it, and the pin is gone.
        case taken
        /// The segment was unlinked or replaced on purpose: the pin is gone.
        case unlinked
        /// The segment contradicts itself, and so cannot say whether it was unlinked on purpose: the pin is gone.
        case corrupt(SegmentError)
        /// The file is not what its name says; it was left alone.
        case notBelieved(String)
        /// It could not be decided, or not be done; worth another try.
        case postponed(SegmentError)
    }

    /// The name that the pin is for.
    package let name: SegmentName
    /// The segment that the pin is of.
    package let uuid: UUID
    /// What was done.
    package let outcome: Outcome

    /// Whether it is worth another try.
    package var isPostponed: Bool {
        if case .postponed = outcome { true } else { false }
    }
}

extension SegmentDirectory {
    /// Looks at the pins of all names, or of some, and gives missing names back; returns what it found out of order.
    ///
    /// `tell` hears of each at once: of a name that is given back before the segment's sequence says that it was.
    ///
    /// A name is given back by a link that never takes it from another file, under the segment's lock, and only while
    /// its `state` says that nobody unlinked it on purpose. Pins whose making was broken off by a death are settled as
    /// well when all are looked at.
    package func reconcilePins(
        of names: Set<SegmentName>? = nil,
        until deadline: Deadline,
        tell: (PinFinding) -> Void = { _ in }
    ) throws(SegmentError) -> [PinFinding] {
        var findings: [PinFinding] = []
        for pin in try pins() where names?.contains(pin.name) ?? true {
            if pin.isAnnounced {
                if names == nil { settle(pin) }
                continue
            }
            if names == nil { takeBackState(of: pin) }
            let outcome: PinFinding.Outcome?
            do throws(SegmentError) {
                outcome = try reconcile(pin, until: deadline)
            } catch {
                outcome = .postponed(error)
            }
            guard let outcome else { continue }
            let finding = PinFinding(name: pin.name, uuid: pin.uuid, outcome: outcome)
            findings.append(finding)
            tell(finding)
            if outcome == .givenBack { touch(pin, until: deadline) }
        }
        return findings
    }

    /// Completes an announced pin whose segment got its name, and removes one whose segment never did.
    ///
    /// A maker who lives holds the lock until he has done that himself.
    private func settle(_ pin: Pin) {
        guard let folder = try? privateFolder.open(),
            case .success(let opened) = FileDescriptor.openAsAllowed(pin.file, in: folder.number)
        else { return }
        let file = FileDescriptor(owning: opened.number)
        guard file.tryLock(opened.isWritable ? F_WRLCK : F_RDLCK) else { return }
        Failpoint.pass("lock of the announced pin")
        guard isLinked(pin.name.description, file) else { return drop(pin) }
        complete(pin)
    }

    /// Makes a pinned segment live again whose unlinking or replacement a death broke off: the name still leads to it.
    ///
    /// Else its state would say, once the name is lost, that this was on purpose. A living process holds the lock.
    private func takeBackState(of pin: Pin) {
        guard !saysLive(pin.name), let segment = try? load(pin.name), segment.uuid == pin.uuid,
            let state = try? segment.vitals().state, state != SegmentState.live.rawValue
        else { return }
        try? segment.withWriteLock(until: .after(milliseconds: 200)) { _ in }
    }

    /// Whether the page of a name's file says what nearly all say: a look at it costs a tenth of opening the segment.
    private func saysLive(_ name: SegmentName) -> Bool {
        guard case .success(let number) = FileDescriptor.open(name.description, in: descriptor, flags: O_RDONLY),
            let page = FileDescriptor(owning: number).bytes(0..<ControlPage.byteCount)
        else { return false }
        let state = page.withUnsafeBytes { $0.load(fromByteOffset: ControlWord.state, as: UInt64.self) }
        return state == SegmentState.live.rawValue
    }

    private func reconcile(_ pin: Pin, until deadline: Deadline) throws(SegmentError) -> PinFinding.Outcome? {
        guard let link = privateFolder.status(of: pin.file) else { return nil }
        // Nearly always, and therefore without the lock.
        if try status(of: pin.name)?.isSameFile(as: link) == true { return nil }
        guard let folder = try privateFolder.open() else { return nil }
        guard link.isRegular else { return .notBelieved("it is no regular file") }
        guard link.uid == geteuid() || geteuid() == 0 else { return .notBelieved("it belongs to user \(link.uid)") }
        let file: FileDescriptor
        let isWritable: Bool
        switch FileDescriptor.openAsAllowed(pin.file, in: folder.number) {
        case .success(let opened):
            file = FileDescriptor(owning: opened.number)
            isWritable = opened.isWritable
        case .failure(let error):
            if error.code == ENOENT { return nil }
            throw .from(error, name: pin.name.description)
        }
        guard file.bytes(0..<ControlPage.magic.count) == ControlPage.magic else {
            return .notBelieved("it is no segment")
        }
        // A shared lock, all that a read-only description can have, keeps those off who change the state as well.
        try lockSegment(file.number, exclusive: isWritable, until: deadline)
        let outcome = try reconcileLocked(pin, file)
        shmgate_unlock(file.number)
        Failpoint.pass("lock of the pin freed")
        return outcome
    }

    private func reconcileLocked(
        _ pin: Pin,
        _ file: borrowing FileDescriptor
    ) throws(SegmentError) -> PinFinding.Outcome? {
        guard case .success(let status) = file.status(), let bytes = file.bytes(0..<ControlPage.byteCount) else {
            return .notBelieved("it cannot be read")
        }
        let page = bytes.withUnsafeBytes { raw in
            Result { () throws(SegmentError) in try ControlPage(reading: raw, fileSize: status.size, name: pin.name) }
        }
        // Whoever waited for the lock may find that all is well by now.
        let now = try self.status(of: pin.name)
        if now?.isSameFile(as: status) == true { return nil }
        switch page {
        case .success(let page):
            guard page.uuid == pin.uuid else { return .notBelieved("it is the segment \(page.uuid)") }
        case .failure(.corrupt(let text)):
            drop(pin)
            return .corrupt(.corrupt(text))
        case .failure(let error): return .notBelieved(error.description)
        }
        guard bytes[ControlWord.state..<ControlWord.state + 8].allSatisfy({ $0 == 0 }) else {
            drop(pin)
            return .unlinked
        }
        return try giveBack(pin, status)
    }

    /// Links the name to the pin's file, unless another file has it.
    private func giveBack(_ pin: Pin, _ file: FileStatus) throws(SegmentError) -> PinFinding.Outcome? {
        guard let folder = try privateFolder.open() else { return nil }
        while linkat(folder.number, pin.file, descriptor, pin.name.description, 0) != 0 {
            let error = SystemError("linkat")
            switch error.code {
            case ENOENT: return nil  // unpinned while we waited for the lock
            case EEXIST:
                guard let now = try status(of: pin.name) else { continue }
                if now.isSameFile(as: file) { return nil }
                drop(pin)
                return .taken
            case EACCES, EPERM, EROFS: throw .forbidden("the directory \(path) does not allow new names: \(error)")
            default: throw .from(error, name: pin.name.description)
            }
        }
        Failpoint.pass("link of the name that is given back")
        return .givenBack
    }

    /// Tells those who watch the segment; its description has changed.
    ///
    /// A writer who keeps the lock wakes them when he is done.
    private func touch(_ pin: Pin, until deadline: Deadline) {
        guard let segment = try? load(pin.name), segment.uuid == pin.uuid else { return }
        try? segment.withWriteLock(until: deadline) { lock throws(SegmentError) in try lock.announceChange() }
    }
}
