import Glibc
import TestSupport
import Testing

@testable import Segments

/// Pins: second links by which names are given back.
@Suite struct PinTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private var folder: String { ".shmgate-\(geteuid())" }

    private func pinned(_ name: String = "a", replacing: Bool = false) throws -> Segment {
        do {
            let draft = try workshop.draft(dataBytes: 64)
            try draft.publish(as: SegmentName(name), replacing: replacing, pinned: true, until: .immediate)
        }
        return try workshop.load(name)
    }

    /// What the private folder has.
    private func pins() throws -> [String] {
        try workshop.file(folder).exists ? workshop.scratch.names(below: folder) : []
    }

    private func file(of segment: Segment) -> RawFile {
        workshop.file("\(folder)/\(Pin(uuid: segment.uuid, name: segment.name).file)")
    }

    /// Takes the name away as a process does that knows nothing of the protocol.
    private func lose(_ name: String = "a") throws {
        guard Glibc.unlink(workshop.scratch.path(name)) == 0 else { throw Failure("unlink") }
    }

    private func reconcile() throws -> [PinFinding.Outcome] {
        try workshop.directory.reconcilePins(until: .immediate).map(\.outcome)
    }

    @Test("the name of a pin's file has the uuid and the name, and nothing else is one")
    func names() throws {
        let uuid = try #require(UUID("01234567-89ab-4def-8123-456789abcdef"))
        let pin = Pin(uuid: uuid, name: try SegmentName("a-b.c"))
        #expect(pin.file == "pin-0123456789ab4def8123456789abcdef-a-b.c")
        #expect(Pin(file: pin.file) == pin)
        let announced = Pin(uuid: uuid, name: pin.name, isAnnounced: true)
        #expect(announced.file == "new-0123456789ab4def8123456789abcdef-a-b.c")
        #expect(Pin(file: announced.file) == announced && announced.completed == pin)
        let longest = Pin(uuid: uuid, name: try SegmentName(String(repeating: "x", count: 200)))
        #expect(longest.file.utf8.count <= 255 && Pin(file: longest.file) == longest)
        for text in [
            "", "pin-", "pin-0123456789ab4def8123456789abcdef", "pin-0123456789ab4def8123456789abcdef-",
            "pin-0123456789ab4def8123456789abcdef-.a", "pin-0123456789AB4def8123456789abcdef-a",
            "pin-+123456789ab4def8123456789abcdef-a", "pin-0123456789ab4def8123456789abcde-a", "layout-a", ".new-a",
            "new-0123456789ab4def8123456789abcdef_a",
        ] { #expect(Pin(file: text) == nil, "\(text)") }
    }

    @Test("a segment that is born pinned has a second link and says so, another one has none")
    func born() throws {
        let segment = try pinned()
        #expect(segment.isPinned)
        #expect(try file(of: segment).inode() == workshop.file().inode())
        #expect(try !workshop.segment("b").isPinned)
        #expect(try pins().count == 1)
        #expect(try reconcile() == [])
    }

    @Test("a name that was unlinked without the protocol is given back, and watchers are told")
    func givenBack() throws {
        let segment = try pinned()
        try segment.write([1, 2, 3], to: segment.run(count: 3))
        let inode = try workshop.file().inode()
        try lose()
        #expect(try reconcile() == [.givenBack])
        #expect(try workshop.file().inode() == inode)
        #expect(try segment.sequence() == 6)
        #expect(try workshop.load("a").read(segment.run(count: 3)).bytes == [1, 2, 3])
        #expect(try reconcile() == [])
    }

    @Test("only the pins of the names that are asked for are looked at")
    func someNames() throws {
        _ = try pinned()
        _ = try pinned("b")
        try lose()
        try lose("b")
        let found = try workshop.directory.reconcilePins(of: [SegmentName("b"), SegmentName("c")], until: .immediate)
        #expect(found.map(\.name.description) == ["b"])
        #expect(!workshop.file().exists && workshop.file("b").exists)
    }

    @Test("a name that another file has is that file's, and the pin goes")
    func taken() throws {
        _ = try pinned()
        try lose()
        try workshop.file().write([1, 2, 3])
        #expect(try reconcile() == [.taken])
        #expect(try workshop.file().bytes() == [1, 2, 3])
        #expect(try pins() == [])
    }

    @Test("to unlink a segment, by whatever object, removes its pin")
    func unlinked() throws {
        _ = try pinned()
        try workshop.directory.unlink(SegmentName("a"), until: .immediate)
        #expect(try pins() == [])
        try pinned().unlink()
        #expect(try pins() == [])
    }

    @Test("a segment that was unlinked or replaced on purpose gets no name back", arguments: [1, 2])
    func onPurpose(state: UInt64) throws {
        _ = try pinned()
        try workshop.file().patch(state, at: 112)
        try lose()
        #expect(try reconcile() == [.unlinked])
        #expect(try !workshop.file().exists && pins() == [])
    }

    @Test("a state that was set before a change that did not happen does not cost the pin")
    func stateWithName() throws {
        let segment = try pinned()
        try workshop.file().patch(UInt64(2), at: 112)
        #expect(try reconcile() == [])
        #expect(try segment.isPinned && segment.vitals().state == 0)
        try lose()
        #expect(try reconcile() == [.givenBack])
    }

    @Test("to replace a pinned segment removes its pin; the new one is pinned only if it asks for that")
    func replaced() throws {
        let first = try pinned()
        let second = try pinned(replacing: true)
        #expect(!first.isPinned && second.isPinned)
        #expect(try pins().count == 1)
        try workshop.draft(dataBytes: 64).publish(as: SegmentName("a"), replacing: true, until: .immediate)
        #expect(try pins() == [])
        #expect(try !workshop.load("a").isPinned)
    }

    @Test("a name that is refused leaves no pin")
    func refused() throws {
        _ = try workshop.segment()
        #expect(throws: SegmentError.alreadyExists("a")) { _ = try pinned() }
        #expect(throws: SegmentError.preconditionFailed("no")) {
            try workshop.draft(dataBytes: 64).publish(as: SegmentName("b"), pinned: true) { _ throws(SegmentError) in
                throw SegmentError.preconditionFailed("no")
            }
        }
        #expect(try pins() == [])
        #expect(try workshop.scratch.names() == [folder, "a"])
    }

    @Test("a pin whose making a death broke off counts if the segment got its name, and goes if it did not")
    func announced() throws {
        let segment = try pinned()
        let ready = Pin(uuid: segment.uuid, name: segment.name)
        let announced = Pin(uuid: segment.uuid, name: segment.name, isAnnounced: true)
        let paths = [ready, announced].map { workshop.scratch.path("\(folder)/\($0.file)") }
        #expect(rename(paths[0], paths[1]) == 0)
        #expect(!segment.isPinned)
        #expect(try reconcile() == [])
        #expect(segment.isPinned)
        #expect(rename(paths[0], paths[1]) == 0)
        try lose()
        #expect(try reconcile() == [])
        #expect(try pins() == [] && !workshop.file().exists)
    }

    @Test("a pin that is being made is left to its maker")
    func beingMade() throws {
        let draft = try workshop.draft(dataBytes: 64)
        let pin = Pin(uuid: draft.uuid, name: try SegmentName("a"), isAnnounced: true)
        let temporary = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-tmp-") })
        try workshop.directory.link(temporary, as: pin)
        #expect(try reconcile() == [])
        #expect(try pins() == [pin.file])
        withExtendedLifetime(draft) {}
    }

    @Test("a pin cannot be given back before its segment's lock is free, and then it is")
    func busy() throws {
        _ = try pinned()
        let lock = try ForeignLock(workshop.scratch.path("a"))
        try lose()
        let outcome = try #require(try reconcile().first)
        guard case .postponed(.busy) = outcome else {
            Issue.record("expected busy, got \(outcome)")
            return
        }
        #expect(!workshop.file().exists)
        withExtendedLifetime(lock) {}
    }

    @Test("a file that is no segment, or another one, is not believed and stays", arguments: 0..<5)
    func foreign(kind: Int) throws {
        let segment = try pinned()
        let file = file(of: segment)
        let other = try workshop.segment("other")
        try lose()
        unlink(file.path)
        switch kind {
        case 0: try file.write([])
        case 1: try file.write([UInt8](repeating: 7, count: 8192))
        case 2: #expect(link(workshop.scratch.path("other"), file.path) == 0)
        case 3: #expect(mkfifo(file.path, 0o600) == 0)
        default: #expect(symlink(workshop.scratch.path("other"), file.path) == 0)
        }
        let outcome = try #require(try reconcile().first)
        guard case .notBelieved = outcome else {
            Issue.record("expected it not to be believed, got \(outcome)")
            return
        }
        #expect(try !workshop.file().exists && pins().count == 1)
        withExtendedLifetime(other) {}
    }

    @Test("a segment that contradicts itself gets no name back, and its memory is freed")
    func corrupt() throws {
        _ = try pinned()
        try workshop.file().patch(UInt64.max, at: 32)
        try lose()
        let outcome = try #require(try reconcile().first)
        guard case .corrupt = outcome else {
            Issue.record("expected it to be corrupt, got \(outcome)")
            return
        }
        #expect(try pins() == [])
    }

    @Test("a corrupt segment, and one of another version, loses its pin with its name", arguments: [8, 32])
    func unlinkCorrupt(offset: Int) throws {
        _ = try pinned()
        _ = try pinned("b")
        try workshop.file().patch(UInt32.max, at: offset)
        try workshop.directory.unlink(SegmentName("a"), until: .immediate)
        #expect(try pins().count == 1)
    }

    @Test("a segment that may only be read gets its name back too")
    func unwritable() throws {
        do {
            try workshop.draft(dataBytes: 64, mode: 0o400).publish(as: SegmentName("a"), pinned: true)
        }
        try lose()
        #expect(try reconcile() == [.givenBack])
    }

    @Test("a dead writer's segment gets its name back and is recovered")
    func interrupted() throws {
        let segment = try pinned()
        try workshop.file().patch(UInt64(3), at: 64)
        try lose()
        #expect(try reconcile() == [.givenBack])
        let vitals = try segment.vitals()
        #expect(vitals.sequence == 6 && vitals.isDamaged && vitals.interruptedWrites == 1)
    }

    @Test("a sweep keeps the staged write of a segment that may get its name back")
    func sweep() throws {
        let segment: Segment
        do {
            try workshop.draft(dataBytes: 65_536).publish(as: SegmentName("a"), pinned: true)
            segment = try workshop.load("a")
        }
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        let name: String
        let kept: [UInt8]
        do {
            let write = try segment.prepare(bytes, to: [segment.run(count: bytes.count)])
            try write.storeJournal(sequence: 3)
            name = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
            kept = try workshop.file(name).bytes()
            withExtendedLifetime(write) {}
        }
        try workshop.file().patch(UInt64(3), at: 64)
        try workshop.file(name).write(kept)
        try lose()
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 0, kept: 1))
        #expect(try reconcile() == [.givenBack])
        #expect(try workshop.load("a").read(segment.run(count: bytes.count)).bytes == bytes)
        _ = try workshop.directory.sweep()
        #expect(try workshop.scratch.names() == [folder, "a"])
    }

    @Test("a folder that others may enter makes no pins")
    func openFolder() throws {
        #expect(mkdir(workshop.scratch.path(folder), 0o700) == 0 && chmod(workshop.scratch.path(folder), 0o755) == 0)
        do {
            _ = try pinned()
            Issue.record("expected the folder to be refused")
        } catch SegmentError.forbidden {}
        #expect(try workshop.scratch.names() == [folder])
    }
}
