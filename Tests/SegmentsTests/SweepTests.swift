import TestSupport
import Testing

@testable import Segments

@Suite struct SweepTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private static let hex = String(repeating: "0a", count: 16)

    @Test("a sweep of a clean directory does nothing")
    func clean() throws {
        _ = try workshop.segment()
        #expect(try workshop.directory.sweep().isEmpty)
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("drafts of the dead go, drafts and bodies of the living stay")
    func drafts() throws {
        let segment = try workshop.segment()
        try workshop.file(".shmgate-tmp-" + Self.hex).write([1, 2, 3])
        let draft = try workshop.draft(dataBytes: 10)
        let staged = try StagedFile(for: segment)
        #expect(try workshop.directory.sweep() == .init(drafts: 1, journals: 0, kept: 2))
        #expect(try workshop.scratch.names().count == 3)
        try draft.publish(as: SegmentName("b"))
        withExtendedLifetime(staged) {}
        #expect(try workshop.load("b").totalBytes == 12_288)
    }

    @Test("a journal of the dead that was never complete goes", arguments: [[], [1, 2, 3], Array("SHMGJRN\0".utf8)])
    func incompleteJournal(bytes: [UInt8]) throws {
        _ = try workshop.segment()
        try workshop.file(".shmgate-journal-" + Self.hex).write(bytes)
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 1, kept: 0))
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a journal of the dead is redone before it goes")
    func replays() throws {
        let segment = try workshop.segment(dataBytes: 65_536)
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        let kept: [UInt8]
        let name: String
        do {
            let write = try segment.prepare(bytes, to: [segment.run(count: bytes.count)])
            try write.storeJournal(sequence: 3)
            name = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
            kept = try workshop.file(name).bytes()
        }
        try workshop.file().patch(UInt64(3), at: 64)
        try workshop.file(name).write(kept)
        _ = try workshop.directory.sweep()
        #expect(try workshop.scratch.names() == ["a"])
        let (read, snapshot) = try segment.read(segment.run(count: bytes.count))
        #expect(read == bytes && snapshot.sequence == 4 && !snapshot.isDamaged)
    }

    @Test("a journal whose segment is past its sequence, or gone, goes unreplayed", arguments: [false, true])
    func old(isGone: Bool) throws {
        let segment = try workshop.segment(dataBytes: 65_536)
        let kept: [UInt8]
        let name: String
        do {
            let write = try segment.prepare([UInt8](repeating: 7, count: 10_000), to: [segment.run(count: 10_000)])
            try write.storeJournal(sequence: 3)
            name = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
            kept = try workshop.file(name).bytes()
        }
        try workshop.file(name).write(kept)
        if isGone {
            try workshop.directory.unlink(segment.name, until: .immediate)
        } else {
            try segment.write([1], to: segment.run(count: 1))
        }
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 1, kept: 0))
        #expect(try segment.read(segment.run(1, count: 3)).bytes == [0, 0, 0])
    }
}
