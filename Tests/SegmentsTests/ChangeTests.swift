import Glibc
import TestSupport
import Testing

@testable import Segments

/// What may be changed of a segment besides its data.
@Suite struct ChangeTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private var folder: String { workshop.scratch.path(".shmgate-\(geteuid())") }

    @Test(
        "one change or all at once are one write",
        arguments: [
            SegmentChange(expiresNs: 5), SegmentChange(mode: 0o640), SegmentChange(isPinned: true),
            SegmentChange(expiresNs: 5, mode: 0o640, isPinned: true),
        ]
    )
    func changes(change: SegmentChange) throws {
        let segment = try workshop.segment()
        try segment.change(change, until: .immediate)
        #expect(try segment.sequence() == 4)
        #expect(try segment.vitals().expiresNs == change.expiresNs ?? 0)
        #expect(try workshop.file().mode() == change.mode ?? 0o600)
        #expect(segment.isPinned == (change.isPinned == true))
        try segment.change(.init(expiresNs: 0, mode: 0o600, isPinned: false), until: .immediate)
        #expect(try segment.sequence() == 6)
        #expect(try segment.vitals().expiresNs == 0 && workshop.file().mode() == 0o600)
        #expect(!segment.isPinned)
    }

    @Test(
        "what is so already is no change",
        arguments: [
            SegmentChange(), SegmentChange(expiresNs: 0), SegmentChange(mode: 0o600), SegmentChange(isPinned: false),
        ]
    )
    func sameAsBefore(change: SegmentChange) throws {
        let segment = try workshop.segment()
        try segment.change(change, until: .immediate)
        #expect(try segment.sequence() == 2)
    }

    @Test("to pin twice is to pin once")
    func pinnedTwice() throws {
        let segment = try workshop.segment()
        for _ in 0..<2 { try segment.change(.init(isPinned: true), until: .immediate) }
        #expect(try segment.sequence() == 4)
        #expect(try workshop.scratch.names(below: ".shmgate-\(geteuid())").count == 1)
        #expect(segment.isPinned)
    }

    @Test("a condition that refuses keeps everything as it is")
    func condition() throws {
        let segment = try workshop.segment()
        #expect(throws: SegmentError.preconditionFailed("no")) {
            try segment.change(.init(expiresNs: 5, mode: 0o640, isPinned: true), until: .immediate) {
                sequence throws(SegmentError) in
                #expect(sequence == 2)
                throw SegmentError.preconditionFailed("no")
            }
        }
        #expect(try segment.sequence() == 2 && workshop.file().mode() == 0o600)
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a pin that cannot be made or removed keeps the rest from changing", arguments: [true, false])
    func refused(isPinned: Bool) throws {
        let segment = try workshop.segment()
        try segment.change(.init(isPinned: true), until: .immediate)
        if isPinned { try segment.change(.init(isPinned: false), until: .immediate) }
        let sequence = try segment.sequence()
        #expect(chmod(folder, 0o755) == 0)
        do {
            try segment.change(.init(expiresNs: 5, mode: 0o640, isPinned: isPinned), until: .immediate)
            Issue.record("expected the folder to be refused")
        } catch SegmentError.forbidden {}
        #expect(try segment.sequence() == sequence && workshop.file().mode() == 0o600)
        #expect(try segment.vitals().expiresNs == 0)
        #expect(chmod(folder, 0o700) == 0)
        #expect(segment.isPinned == !isPinned)
    }

    @Test("whoever dies in a change leaves no tag that stands for two descriptions")
    func deathInAChange() throws {
        let segment = try workshop.segment()
        let before = try segment.sequence()
        // As a death behind the store of the word leaves it.
        #expect(throws: SegmentError.busy("dead")) {
            try segment.withWriteLock(until: .immediate) { lock throws(SegmentError) in
                try Journal(place: .page([])).store(in: segment, sequence: before + 1, coversWhole: false)
                try lock.beginLocked(before + 1)
                try segment.store(5, at: ControlWord.expires)
                throw SegmentError.busy("dead")
            }
        }
        #expect(try segment.withWriteLock(until: .immediate) { lock in lock.sequence } == before + 2)
        let vitals = try segment.vitals()
        #expect(vitals.expiresNs == 5 && !vitals.isDamaged && vitals.interruptedWrites == 0)
    }

    @Test("an old link, or a file that poses as the pin, gives way to the pin")
    func posing() throws {
        let segment = try workshop.segment()
        #expect(mkdir(folder, 0o700) == 0)
        let file = RawFile("\(folder)/\(Pin(uuid: segment.uuid, name: segment.name).file)")
        try file.write([1, 2, 3])
        #expect(!segment.isPinned)
        try segment.change(.init(isPinned: true), until: .immediate)
        #expect(segment.isPinned)
    }

    @Test("a segment with the read-only flag keeps its data, not its lifetime")
    func readOnly() throws {
        let segment = try workshop.segment(isReadOnly: true)
        try segment.change(.init(expiresNs: 5, isPinned: true), until: .immediate)
        #expect(try segment.vitals().expiresNs == 5 && segment.isPinned)
    }

    @Test("a name that is another's by now, or nobody's, is not changed")
    func replaced() throws {
        let segment = try workshop.segment()
        try workshop.draft(dataBytes: 64).publish(as: SegmentName("a"), replacing: true, until: .immediate)
        #expect(throws: SegmentError.replaced("a")) {
            try segment.change(.init(mode: 0o640, isPinned: true), until: .immediate)
        }
        #expect(unlink(workshop.scratch.path("a")) == 0)
        #expect(throws: SegmentError.noSuchSegment("a")) {
            try segment.change(.init(isPinned: true), until: .immediate)
        }
        #expect(try workshop.scratch.names() == [])
    }
}
