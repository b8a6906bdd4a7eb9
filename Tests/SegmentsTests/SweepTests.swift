import Glibc
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

    @Test("leftovers that not even their owner may write to go as well")
    func readOnly() async throws {
        await #expect(processExitsWith: .success) {
            let workshop = try Workshop()
            try #require(chmod(workshop.scratch.path as String, 0o777) == 0)
            if geteuid() == 0 { try #require(seteuid(65_534) == 0) }
            let name = ".shmgate-tmp-" + Self.hex
            try workshop.file(name).write([1, 2, 3])
            try #require(chmod(workshop.scratch.path(name), 0o444) == 0)
            try #require(access(workshop.scratch.path(name), W_OK) != 0 || getuid() == 0)
            #expect(try workshop.directory.sweep() == .init(drafts: 1, journals: 0, kept: 0))
            #expect(try workshop.scratch.names() == [])
            if getuid() == 0 { try #require(seteuid(0) == 0) }
        }
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

    @Test("a journal stays while a segment that may need it cannot be loaded")
    func unloadable() throws {
        let segment = try workshop.segment(dataBytes: 65_536)
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        let (name, kept) = try stage(bytes, in: segment)
        try workshop.file().patch(UInt64(3), at: 64)
        try workshop.file(name).write(kept)
        for lie in [UInt64.max, 1 << 40] {
            let size = try workshop.file().number(at: 32, as: UInt64.self)
            try workshop.file().patch(lie, at: 32)
            #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 0, kept: 1))
            try workshop.file().patch(size, at: 32)
        }
        try workshop.file().patch(UInt32(9), at: 8)
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 0, kept: 1))
        try workshop.file().patch(UInt32(1), at: 8)
        try workshop.file("foreign").write([1, 2, 3])
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 1, kept: 0))
        #expect(try segment.read(segment.run(count: bytes.count)).bytes == bytes)
        #expect(try workshop.scratch.names() == ["a", "foreign"])
    }

    @Test("a segment that cannot be loaded does not keep the journal of another that has no need of it")
    func unloadableNeighbour() throws {
        let segment = try workshop.segment(dataBytes: 65_536)
        let (name, kept) = try stage([UInt8](repeating: 7, count: 10_000), in: segment)
        try workshop.file(name).write(kept)
        _ = try workshop.segment("b")
        try workshop.file("b").patch(UInt64.max, at: 32)
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 1, kept: 0))
        #expect(try workshop.scratch.names() == ["a", "b"])
    }

    @Test("a journal that claims more entries than it has room for is no journal, and costs no memory")
    func sparseHead() throws {
        _ = try workshop.segment()
        var head = StagedHead(entries: []).encoded
        head.replaceSubrange(16..<24, with: [0, 0, 0, 0, 1, 0, 0, 0])
        let name = ".shmgate-journal-" + Self.hex
        try workshop.file(name).write(head)
        try workshop.file(name).truncate(to: 1 << 40)
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 1, kept: 0))
    }

    @Test("what cannot be removed is not counted as removed", .enabled(if: geteuid() == 0, "mounting needs root"))
    func notRemoved() throws {
        let name = ".shmgate-tmp-" + Self.hex
        let path = workshop.scratch.path(name)
        try workshop.file(name).write([1, 2, 3])
        guard mount(path, path, nil, 4096, nil) == 0 else {  // MS_BIND
            let error = Failure("mount")
            withKnownIssue("this root may not mount") { Issue.record(error) }
            return
        }
        defer { umount2(path, 2) }  // MNT_DETACH
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 0, kept: 1))
        #expect(try workshop.scratch.names() == [name])
    }

    /// Stages a write for sequence 3 and drops it; returns the name of its file and what was in it.
    private func stage(_ bytes: [UInt8], in segment: Segment) throws -> (name: String, bytes: [UInt8]) {
        let write = try segment.prepare(bytes, to: [segment.run(count: bytes.count)])
        try write.storeJournal(sequence: 3)
        let name = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
        let kept = try workshop.file(name).bytes()
        withExtendedLifetime(write) {}
        return (name, kept)
    }
}
