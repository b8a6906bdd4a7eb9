internal import CSegment
internal import Glibc

/// A segment whose time was over when it was looked at, without its lock.
///
/// Two that are equal are the same incarnation with the same end, and its file has the same owner and mode.
package struct ExpiredSegment: Hashable, Sendable {
    /// Its name.
    package let name: SegmentName
    /// Which segment had that name.
    package let uuid: UUID
    /// Unix time of its end, in nanoseconds.
    package let expiresNs: Int64
    /// The owner of its file.
    package let uid: UInt32
    let mode: UInt32
}

extension SegmentDirectory {
    /// The segments whose time is over, by a look at the first bytes of every file.
    ///
    /// Nothing is mapped, locked or changed. A file that this user may not read, is no segment or is a corrupt one is
    /// passed over: what a page says that contradicts itself ends nothing.
    package func expired() throws(SegmentError) -> [ExpiredSegment] {
        let nowNs = Clock.unixNs()
        return try names().compactMap { expired($0, at: nowNs) }
    }

    private func expired(_ name: SegmentName, at nowNs: Int64) -> ExpiredSegment? {
        guard case .success(let number) = FileDescriptor.open(name.description, in: descriptor, flags: O_RDONLY) else {
            return nil
        }
        let file = FileDescriptor(owning: number)
        guard let bytes = file.bytes(0..<ControlPage.byteCount), bytes.starts(with: ControlPage.magic) else {
            return nil
        }
        return bytes.withUnsafeBytes { raw in
            let expiresNs = raw.load(fromByteOffset: ControlWord.expires, as: Int64.self)
            guard hasEnded(expiresNs, at: nowNs), case .success(let status) = file.status(), status.isRegular,
                let page = try? ControlPage(reading: raw, fileSize: status.size, name: name)
            else { return nil }
            return ExpiredSegment(
                name: name,
                uuid: page.uuid,
                expiresNs: expiresNs,
                uid: status.uid,
                mode: status.mode
            )
        }
    }

    /// Unlinks a segment whose time is over, with its pin, as `unlink` does; tells whether it did.
    ///
    /// Its end is read again under its lock: who prolongs it before wins, and who comes later finds no segment of that
    /// name. False if it was prolonged, replaced or unlinked meanwhile. An owner whom the mode keeps from writing ends
    /// it all the same. ``SegmentError/busy(_:)`` if somebody keeps the lock until the deadline, and
    /// ``SegmentError/forbidden(_:)``, with nothing changed, if the name is not this user's to remove.
    package func end(_ expired: ExpiredSegment, until deadline: Deadline) throws(SegmentError) -> Bool {
        var isOver = true
        do throws(SegmentError) {
            guard mayUnlink(fileOf: expired.uid) else {
                throw .forbidden("the directory does not let this user remove a file of user \(expired.uid)")
            }
            var segment = try load(expired.name)
            guard segment.uuid == expired.uuid else { return false }
            if !segment.mapping.isWritable, segment.status.uid == geteuid() {
                segment = try segment.openedByOwner(until: deadline)
            }
            try segment.takeNameAway(until: deadline) { () throws(SegmentError) in
                isOver = hasEnded(try segment.vitals().expiresNs, at: Clock.unixNs())
                if !isOver { throw .preconditionFailed("the segment \(expired.name) was prolonged") }
            }
            return true
        } catch {
            switch error {
            case .noSuchSegment, .replaced: return false
            case .preconditionFailed where !isOver: return false
            default: throw error
            }
        }
    }

    /// Whether the directory lets this user take away the name of a file of some user's, as far as its mode says.
    ///
    /// Asked before anything is written: a try that fails changes the sequence twice, and wakes who waits for it.
    private func mayUnlink(fileOf owner: UInt32) -> Bool {
        guard faccessat(descriptor, ".", W_OK | X_OK, AT_EACCESS) == 0 else { return false }
        let user = geteuid()
        if user == 0 || owner == user { return true }
        var raw = stat()
        guard fstat(descriptor, &raw) == 0 else { return true }
        return raw.st_mode & stickyBit == 0 || raw.st_uid == user
    }
}

/// Whether an end of a control page, in nanoseconds of Unix time, has passed; 0 is never.
private func hasEnded(_ expiresNs: Int64, at nowNs: Int64) -> Bool { expiresNs != 0 && expiresNs <= nowNs }

/// `S_ISVTX`, which comes from two modules in a build from nothing: only a file's owner, or its folder's, unlinks it.
private let stickyBit: mode_t = 0o1000
