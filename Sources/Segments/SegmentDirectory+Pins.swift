internal import CSegment
internal import Glibc

extension Segment {
    /// Whether a pin of this user's leads to it.
    package var isPinned: Bool {
        let link = directory.privateFolder.status(of: Pin(uuid: uuid, name: name).file)
        return link?.isSameFile(as: status) == true
    }
}

extension SegmentDirectory {
    /// Whether there is a pin for a name and a segment, whatever the name leads to.
    package func hasPin(_ uuid: UUID, of name: SegmentName) -> Bool {
        privateFolder.status(of: Pin(uuid: uuid, name: name).file) != nil
    }

    /// The pins that are in the private folder, announced ones too, in the order of their files' names.
    func pins() throws(SegmentError) -> [Pin] {
        try privateFolder.names().sorted().compactMap { Pin(file: $0) }
    }

    /// Links a draft, which has its temporary name only, as a pin that counts once it is completed.
    func announce(_ pin: Pin, of temporaryName: String) throws(SegmentError) {
        try link(temporaryName, as: pin)
    }

    /// Makes an announced pin a pin: its segment has its name now, and its maker still holds the lock.
    ///
    /// Somebody who cleared the folder away leaves the segment without a pin, which its description then says.
    func complete(_ pin: Pin) {
        guard let folder = try? privateFolder.open() else { return }
        _ = shmgate_rename_over(folder.number, pin.file, pin.completed.file)
        Failpoint.pass("rename of the announced pin")
    }

    /// Removes a pin; one that is gone, or cannot be removed, is no matter: the state of its segment makes it void.
    func drop(_ pin: Pin) { try? privateFolder.remove(pin.file) }

    /// Removes the pin of a segment whose name is another's or nobody's by now; its lock is held.
    func dropPin(of segment: Segment) { drop(Pin(uuid: segment.uuid, name: segment.name)) }

    /// Removes the pins of a file that cannot say which segment it is.
    func dropPins(of name: SegmentName, leadingTo file: FileStatus) {
        for pin in (try? pins()) ?? [] where pin.name == name {
            if privateFolder.status(of: pin.file)?.isSameFile(as: file) == true { drop(pin) }
        }
    }

    /// Gives a file of the directory a second name in the private folder, in place of whatever has it there.
    ///
    /// The corresponding C function is `linkat`.
    func link(_ name: String, as pin: Pin) throws(SegmentError) {
        let folder = try privateFolder.openOrMake()
        var code = linkat(descriptor, name, folder.number, pin.file, 0) == 0 ? 0 : errno
        if code == EEXIST {
            // The uuid is random: this is an older link of the same segment, or of a file that poses as it.
            drop(pin)
            code = linkat(descriptor, name, folder.number, pin.file, 0) == 0 ? 0 : errno
        }
        switch code {
        case 0: Failpoint.pass("link of the pin")
        case ENOENT: throw .noSuchSegment(pin.name.description)
        default: throw privateFolder.refusal(SystemError("linkat", code))
        }
    }
}
