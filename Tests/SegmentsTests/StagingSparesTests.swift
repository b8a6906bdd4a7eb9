import Glibc
import TestSupport
import Testing

@testable import Segments

@Suite struct StagingSparesTests {
    let workshop: Workshop
    let segment: Segment

    init() throws {
        workshop = try Workshop()
        segment = try workshop.segment(dataBytes: 1 << 20, filledWith: 0xAA)
        segment.directory.spares.keep(mostBytes: 64 << 10)
    }

    private var spares: [String] {
        get throws { try workshop.scratch.names().filter { $0.hasPrefix(".shmgate-journal-") } }
    }

    private func bytes(_ count: Int, seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 7) }
    }

    @Test(
        "the next write is staged in the file of the last one, longer, shorter and as long",
        arguments: [10_000, 5_000, 30_000]
    )
    func again(count: Int) throws {
        try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
        let spare = try spares
        #expect(spare.count == 1)
        try segment.write(bytes(count, seed: 2), to: segment.run(100, count: count))
        #expect(try segment.read(segment.run(100, count: count)).bytes == bytes(count, seed: 2))
        #expect(try spares == spare)
    }

    @Test("a spare is held, is no journal, and a sweep leaves it alone")
    func held() throws {
        try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
        let spare = workshop.file(try #require(try spares.first))
        #expect(try spare.bytes(0..<24) == [UInt8](repeating: 0, count: 24))
        #expect(try ForeignLock.isFree(spare.path) == false)
        #expect(try SegmentDirectory(path: workshop.scratch.path).sweep().kept == 1)
        #expect(try spares.count == 1)
    }

    @Test("the write of a dead process is redone from a file that was used before")
    func replay() throws {
        try segment.write(bytes(20_000, seed: 1), to: segment.run(count: 20_000))
        let write = try segment.prepare(bytes(10_000, seed: 2), to: [segment.run(count: 10_000)])
        #expect(try spares.count == 1)
        try write.storeJournal(sequence: 5)
        try workshop.file().patch(UInt64(5), at: 64)
        try workshop.file().patch([0xDE, 0xAD], at: segment.dataOffset)
        let other = try SegmentDirectory(path: workshop.scratch.path).load(SegmentName("a"))
        try other.withWriteLock(until: .immediate) { lock throws(SegmentError) in #expect(lock.sequence == 6) }
        #expect(try other.read(other.run(count: 10_000)).bytes == bytes(10_000, seed: 2))
        #expect(try other.vitals().interruptedWrites == 0)
        #expect(try spares == [], "who redid the write has removed it")
        withExtendedLifetime(write) {}
    }

    @Test(
        "a file that somebody cut, unlinked or opened to others is not used again",
        arguments: ["cut", "unlinked", "opened"]
    )
    func spoiled(_ how: String) throws {
        try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
        let spare = try #require(try spares.first)
        let path = workshop.scratch.path(spare)
        switch how {
        case "cut": try #require(truncate(path, 4_096) == 0)
        case "linked": try #require(link(path, workshop.scratch.path("other")) == 0)
        case "grown": try #require(truncate(path, 1 << 30) == 0)
        case "unlinked": try #require(unlink(path) == 0)
        default: try #require(chmod(path, 0o666) == 0)
        }
        try segment.write(bytes(10_000, seed: 2), to: segment.run(count: 10_000))
        #expect(try segment.read(segment.run(count: 10_000)).bytes == bytes(10_000, seed: 2))
        #expect(try spares.count == 1 && spares != [spare])
    }

    @Test("a file of another mode is left to the segments of that mode")
    func modes() throws {
        try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
        try #require(chmod(workshop.scratch.path("a"), 0o640) == 0)
        let shared = try segment.directory.load(SegmentName("a"))
        let write = try shared.prepare(bytes(10_000, seed: 2), to: [shared.run(count: 10_000)])
        #expect(try Set(spares.map { try workshop.file($0).mode() }) == [0o600, 0o640])
        withExtendedLifetime(write) {}
    }

    @Test("no more is kept than may be, none without leave, and all goes with the directory or on demand")
    func limits() throws {
        try segment.write(bytes(100_000, seed: 1), to: segment.run(count: 100_000))
        #expect(try spares == [], "one larger than all that may be kept")
        try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
        segment.directory.dropStagingSpares(idleForSeconds: 3_600)
        #expect(try spares.count == 1)
        segment.directory.dropStagingSpares(idleForSeconds: 0)
        #expect(try spares == [])
        try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
        segment.directory.endStagingSpares()
        #expect(try spares == [])
        try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
        #expect(try spares == [])
        do {
            let directory = try SegmentDirectory(path: workshop.scratch.path)
            directory.spares.keep(mostBytes: 64 << 10)
            let segment = try directory.load(SegmentName("a"))
            try segment.write(bytes(10_000, seed: 1), to: segment.run(count: 10_000))
            #expect(try spares.count == 1)
        }
        #expect(try spares == [])
    }

    @Test("a small body is not given a file that is far too large for it")
    func tooLarge() throws {
        segment.directory.spares.keep(mostBytes: 8 << 20)
        let large = try workshop.segment("large", dataBytes: 4 << 20)
        try large.write(bytes(3 << 20, seed: 1), to: large.run(count: 3 << 20))
        let spare = try spares
        try segment.write(bytes(5_000, seed: 2), to: segment.run(count: 5_000))
        #expect(try spares.count == 2)
        try large.write(bytes(2 << 20, seed: 3), to: large.run(count: 2 << 20))
        #expect(try spares.count == 2 && spares.contains(spare[0]))
    }

    @Test("what a slow body holds of an earlier one counts among what is kept")
    func lent() throws {
        try segment.write(bytes(40_000, seed: 1), to: segment.run(count: 40_000))
        do {
            let slow = try StagedFile(for: segment)
            #expect(try spares.count == 1)
            try segment.write(bytes(40_000, seed: 2), to: segment.run(count: 40_000))
            #expect(try spares.count == 1, "two of them are more than may be kept")
            withExtendedLifetime(slow) {}
        }
        try segment.write(bytes(40_000, seed: 3), to: segment.run(count: 40_000))
        #expect(try spares.count == 1)
        try segment.write(bytes(5_000, seed: 4), to: segment.run(count: 5_000))
        let other = try StagedFile(for: segment)
        try segment.write(bytes(5_000, seed: 5), to: segment.run(count: 5_000))
        #expect(try spares.count == 2, "a small one fits beside")
        withExtendedLifetime(other) {}
    }

    @Test("a body that is given up leaves a file for the next one")
    func givenUp() throws {
        do {
            let file = try StagedFile(for: segment)
            try bytes(10_000, seed: 1).withUnsafeBytes { try file.append($0) }
        }
        let spare = try spares
        #expect(spare.count == 1)
        try segment.write(bytes(9_000, seed: 2), to: segment.run(count: 9_000))
        #expect(try segment.read(segment.run(count: 9_001)).bytes == bytes(9_000, seed: 2) + [0xAA])
        #expect(try spares == spare)
    }
}
