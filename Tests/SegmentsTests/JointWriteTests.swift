import Glibc
import TestSupport
import Testing

@testable import Segments

/// Writes over several segments: what they leave, and what a death in them leaves to those who recover.
@Suite struct JointWriteTests {
    let workshop: Workshop
    /// In the order of their uuids.
    let segments: [Segment]

    init() throws {
        let workshop = try Workshop()
        self.workshop = workshop
        segments = try ["a", "b", "c"].map { try workshop.segment($0, filledWith: 1) }.sorted { $0.uuid < $1.uuid }
    }

    /// A write of a byte to all of some segments, given in the order of the list.
    private func prepare(_ byte: UInt8, _ segments: [Segment], whole: Bool = false) throws -> JointWrite {
        try JointWrite(segments.map { try piece(byte, $0, whole: whole) })
    }

    private func piece(_ byte: UInt8, _ segment: Segment, whole: Bool = false) throws -> JointWrite.Piece {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
        copy.initializeMemory(as: UInt8.self, repeating: byte)
        let address = UInt(bitPattern: copy.baseAddress)
        let source = ByteSource(UnsafeRawBufferPointer(copy)) {
            UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
        }
        return JointWrite.Piece(to: segment, regions: [segment.run(count: 4096)], bytes: source, coversWhole: whole)
    }

    private func commit(_ write: JointWrite, _ segments: [Segment], until deadline: Deadline = .immediate) throws {
        try workshop.directory.withWriteLocks(of: segments, until: deadline) { locks in try locks.commit(write) }
    }

    /// What a segment holds, which is the same everywhere in it.
    private func content(_ segment: Segment) throws -> UInt8? {
        let bytes = try segment.read(segment.run(count: 4096), until: .after(milliseconds: 60_000)).bytes
        return Set(bytes).count == 1 ? bytes[0] : nil
    }

    @Test("all segments are written, each once, in whatever order they are given, and nothing is left")
    func writes() throws {
        try commit(prepare(2, segments), segments.reversed())
        try commit(prepare(3, segments.reversed()), segments)
        for segment in segments {
            #expect(try content(segment) == 3)
            #expect(try segment.sequence() == 6)
            #expect(try workshop.file(segment.name.description).bytes(2048..<2052) == [0, 0, 0, 0])
            #expect(try ForeignLock.isFree(workshop.scratch.path(segment.name.description)))
        }
        #expect(try workshop.scratch.names() == ["a", "b", "c"])
    }

    @Test("a write of the whole of one clears the damage there, and nowhere else")
    func damage() throws {
        for segment in segments { try workshop.file(segment.name.description).patch(UInt64(1), at: 120) }
        let pieces = [try piece(2, segments[0], whole: true), try piece(2, segments[1])]
        try commit(JointWrite(pieces), Array(segments[..<2]))
        #expect(try segments.map { try $0.vitals().isDamaged } == [false, true, true])
    }

    /// Leaves a write as its writer does who dies: journals stored, `odd` segments odd, committed or not, and the data
    /// half there.
    private func die(odd: Int, isCommitted: Bool, whole: Bool = false) throws -> JointWrite {
        let write = try prepare(2, segments, whole: whole)
        try write.storeJournals(segments.map { _ in 3 })
        for segment in segments[..<odd] {
            try workshop.file(segment.name.description).patch(UInt64(3), at: 64)
        }
        if isCommitted {
            try write.decide()
            for segment in segments {
                try workshop.file(segment.name.description).patch([7, 7, 7], at: segment.dataOffset + 9)
            }
        }
        return write
    }

    @Test("before the commit word nothing was written, in none, however many are odd", arguments: 0...3)
    func uncommitted(odd: Int) throws {
        let write = try die(odd: odd, isCommitted: false, whole: true)
        for segment in segments.reversed() {
            #expect(try segment.vitals().isDamaged == false)
            #expect(try content(segment) == 1)
        }
        for (number, segment) in segments.enumerated() {
            try segment.withWriteLock(until: .immediate) { _ in }
            let vitals = try segment.vitals()
            #expect(vitals.sequence == (number < odd ? 4 : 2) && !vitals.isDamaged && vitals.interruptedWrites == 0)
        }
        withExtendedLifetime(write) {}
    }

    @Test("behind the commit word it is written, in all, whoever of them is recovered first", arguments: 0..<3)
    func committed(first: Int) throws {
        let write = try die(odd: 3, isCommitted: true)
        for turn in 0..<3 {
            let segment = segments[(first + turn) % 3]
            #expect(try content(segment) == 2)
            let vitals = try segment.vitals()
            #expect(vitals.sequence == 4 && !vitals.isDamaged && vitals.interruptedWrites == 0)
            // A write behind the recovery of one is not undone by that of the others.
            try segment.write([9], to: segment.run(5, count: 1))
        }
        for segment in segments { #expect(try segment.read(segment.run(5, count: 1)).bytes == [9]) }
        withExtendedLifetime(write) {}
    }

    @Test("the sweep recovers all segments of a joint write before its file goes", arguments: [true, false])
    func sweep(isCommitted: Bool) throws {
        let write = try die(odd: 3, isCommitted: isCommitted)
        let staged = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
        // In another file, which no maker holds.
        let bytes = try workshop.file(staged).bytes()
        unlink(workshop.scratch.path(staged))
        try workshop.file(staged).write(bytes)
        let sweep = try workshop.directory.sweep()
        #expect(sweep.journals == 1 && sweep.kept == 0)
        #expect(try workshop.scratch.names() == ["a", "b", "c"])
        for segment in segments {
            #expect(try segment.sequence() == 4)
            #expect(try content(segment) == (isCommitted ? 2 : 1))
            #expect(try !segment.vitals().isDamaged)
        }
        withExtendedLifetime(write) {}
    }

    @Test("a lock that is held makes the write busy, says whose it is, and frees the others", arguments: 0..<3)
    func busy(held: Int) throws {
        let lock = try ForeignLock(workshop.scratch.path(segments[held].name.description))
        let write = try prepare(2, segments)
        let failure = #expect(throws: SegmentFailure.self) { try commit(write, segments.reversed()) }
        #expect(failure?.segment === segments[held])
        guard case .busy = failure?.cause else {
            Issue.record("expected busy, got \(String(describing: failure))")
            return
        }
        for (number, segment) in segments.enumerated() where number != held {
            #expect(try ForeignLock.isFree(workshop.scratch.path(segment.name.description)))
            #expect(try content(segment) == 1)
        }
        withExtendedLifetime(lock) {}
    }

    @Test("a segment that is gone before the commit word is an error, and the others keep what they had")
    func truncatedBefore() throws {
        let write = try prepare(2, segments)
        let failure = #expect(throws: SegmentFailure.self) {
            try workshop.directory.withWriteLocks(of: segments, until: .immediate) { locks in
                try workshop.file(segments[2].name.description).truncate(to: 0)
                try locks.commit(write)
            }
        }
        #expect(failure?.segment === segments[2])
        for segment in segments[..<2] {
            #expect(try content(segment) == 1)
            #expect(try segment.sequence() & 1 == 0)
            #expect(try !segment.vitals().isDamaged)
        }
        #expect(try workshop.scratch.names() == ["a", "b", "c"])
    }

    @Test("a segment whose data are gone is an error of its own, and the others are written")
    func truncatedData() throws {
        let write = try prepare(2, segments)
        let failure = #expect(throws: SegmentFailure.self) {
            try workshop.directory.withWriteLocks(of: segments, until: .immediate) { locks in
                try workshop.file(segments[0].name.description).truncate(to: segments[0].dataOffset)
                try locks.commit(write)
            }
        }
        #expect(failure?.segment === segments[0])
        for segment in segments[1...] {
            #expect(try content(segment) == 2)
            #expect(try segment.sequence() == 4)
        }
        #expect(try workshop.scratch.names() == ["a", "b", "c"])
    }

    @Test("a read-only segment among them refuses the write before anything is staged")
    func refused() throws {
        let fixed = try workshop.segment("fixed", isReadOnly: true)
        let failure = #expect(throws: SegmentFailure.self) { try prepare(2, segments + [fixed]) }
        #expect(failure?.segment === fixed)
        #expect(try workshop.scratch.names() == ["a", "b", "c", "fixed"])
    }

    @Test(
        "the staged file can be read by those alone who may read every segment",
        arguments: [
            ([0o644, 0o640], 0o640), ([0o666, 0o600], 0o600), ([0o660, 0o664], 0o660), ([0o600, 0o660], 0o600),
        ] as [([UInt32], UInt32)]
    )
    func mode(modes: [UInt32], expected: UInt32) throws {
        for (segment, mode) in zip(segments, modes) {
            try #require(chmod(workshop.scratch.path(segment.name.description), mode) == 0)
        }
        let changed = try segments[..<2].map { try workshop.directory.load($0.name) }
        let write = try prepare(2, changed)
        let staged = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
        var status = stat()
        try #require(lstat(workshop.scratch.path(staged), &status) == 0)
        #expect(status.st_mode & 0o777 == expected)
        withExtendedLifetime(write) {}
    }

    @Test("a file of more entries than a page has room for keeps its body behind them, and is redone")
    func manySegments() throws {
        let many = try (0..<120).map { try workshop.segment("m\($0)", filledWith: 1) }.sorted { $0.uuid < $1.uuid }
        let write = try prepare(2, many)
        try write.storeJournals(many.map { _ in 3 })
        for segment in many { try workshop.file(segment.name.description).patch(UInt64(3), at: 64) }
        try write.decide()
        for segment in many {
            #expect(try content(segment) == 2)
            #expect(try !segment.vitals().isDamaged)
        }
        withExtendedLifetime(write) {}
    }

    @Test("writers over several segments in all orders, and of single ones, do not lock one another out")
    func noCircle() throws {
        try Threads.run(4) { number in
            for turn in 0..<200 {
                var chosen = segments
                chosen.swapAt(0, (number + turn) % 3)
                let some = Array(chosen[..<(turn % 2 + 2)])
                try commit(prepare(UInt8(number), some), some, until: .never)
                try chosen[0].write([UInt8(number)], to: chosen[0].run(count: 1), until: .never)
            }
        }
        for segment in segments {
            #expect(try segment.sequence() & 1 == 0)
            #expect(try !segment.vitals().isDamaged)
        }
        #expect(try segments.reduce(0) { try $0 + $1.sequence() } == 6 + 2 * 4 * (100 * 2 + 100 * 3 + 200))
        #expect(try workshop.scratch.names() == ["a", "b", "c"])
    }
}
