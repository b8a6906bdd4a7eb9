import Glibc
import TestSupport
import Testing

@testable import Segments

/// Another process cuts the file under a mapping: everything is an error, nothing is a crash.
@Suite struct TruncationTests {
    let workshop: Workshop
    let segment: Segment

    init() throws {
        workshop = try Workshop()
        segment = try workshop.segment(dataBytes: 65_536, filledWith: 1)
    }

    private func expectCorrupt(_ body: () throws -> Void) {
        let error = #expect(throws: SegmentError.self, performing: body)
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }

    @Test("a segment cut to nothing is corrupt to every access")
    func cutToNothing() throws {
        let small = try segment.prepare([1, 2], to: [segment.run(count: 2)])
        let large = try segment.prepare([UInt8](repeating: 1, count: 10_000), to: [segment.run(count: 10_000)])
        try workshop.file().truncate(to: 0)
        expectCorrupt { _ = try segment.vitals() }
        expectCorrupt { _ = try segment.sequence() }
        expectCorrupt { _ = try segment.header() }
        expectCorrupt { _ = try segment.read(segment.run(count: 10)) }
        expectCorrupt { _ = try segment.read(segment.run(count: 10), until: .never) }
        for write in [small, large] {
            expectCorrupt {
                _ = try segment.withWriteLock(until: .never) { lock throws(SegmentError) in try lock.commit(write) }
            }
        }
        expectCorrupt { _ = try segment.prepare([1], to: [segment.run(count: 1)]).storeJournal(sequence: 3) }
        #expect(try !segment.isCurrent())
        #expect(throws: SegmentError.noSuchSegment("a")) { try workshop.load("a") }
        #expect(try ForeignLock.isFree(workshop.scratch.path("a")), "the lock is free after the error")
    }

    @Test("a staged body that fits into the page and is cut before its write is an error")
    func stagedBodyCut() throws {
        let file = try StagedFile(for: segment)
        try [UInt8](repeating: 2, count: 8).withUnsafeBytes { try file.append($0) }
        let name = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
        try workshop.file(name).truncate(to: 0)
        try file.seal()
        expectCorrupt {
            _ = try PreparedWrite(
                to: segment,
                regions: [segment.run(count: 8)],
                bytes: file.source(0..<8),
                coversWhole: false
            )
        }
    }

    @Test("a segment cut to nothing and grown again is corrupt, not all zeros")
    func cutAndGrown() throws {
        let size = segment.totalBytes
        let write = try segment.prepare([1, 2], to: [segment.run(count: 2)])
        try workshop.file().truncate(to: 0)
        try workshop.file().truncate(to: size)
        expectCorrupt { _ = try segment.sequence() }
        expectCorrupt { _ = try segment.vitals() }
        expectCorrupt { _ = try segment.read(segment.run(count: 10)) }
        expectCorrupt { _ = try segment.read(segment.run(count: 60_000), until: .never) }
        expectCorrupt {
            _ = try segment.withWriteLock(until: .never) { lock throws(SegmentError) in try lock.commit(write) }
        }
        #expect(try workshop.file().number(at: 64, as: UInt64.self) == 0, "nothing was written")
    }

    @Test("a segment cut behind its control page still has its words, but not its data")
    func cutData() throws {
        try workshop.file().truncate(to: 8192 + 4096)
        #expect(try segment.vitals().sequence == 2)
        #expect(try segment.read(segment.run(count: 4096)).bytes == [UInt8](repeating: 1, count: 4096))
        expectCorrupt { _ = try segment.read(segment.run(count: 4097)) }
        expectCorrupt { try segment.write([UInt8](repeating: 2, count: 60_000), to: segment.run(count: 60_000)) }
        let strided = Region(
            byteOffset: segment.dataOffset,
            itemByteCount: 8,
            axes: [.init(count: 16, byteStride: 4096)]
        )
        expectCorrupt { _ = try segment.read(strided) }
        expectCorrupt { try segment.write([UInt8](repeating: 2, count: 128), to: strided) }
        #expect(try segment.sequence() & 1 == 0)
    }

    @Test("a write that fails in the middle leaves damage that every reader is told of", arguments: [2, 10_000])
    func failedApply(itemBytes: Int) throws {
        let across = Region(
            byteOffset: segment.dataOffset,
            itemByteCount: itemBytes,
            axes: [.init(count: 2, byteStride: 50_000)]
        )
        let write = try segment.prepare([UInt8](repeating: 2, count: 2 * itemBytes), to: [across])
        try workshop.file().truncate(to: 8192 + 16_384)
        expectCorrupt {
            _ = try segment.withWriteLock(until: .never) { lock throws(SegmentError) in try lock.commit(write) }
        }
        let vitals = try segment.vitals()
        #expect(vitals.isDamaged && vitals.interruptedWrites == 1 && vitals.sequence == 4)
        #expect(try segment.read(segment.run(count: 1)).snapshot.isDamaged)
    }

    @Test("a journal is not replayed into a segment that was cut")
    func cutReplay() throws {
        let write = try segment.prepare([1, 2], to: [segment.run(60_000, count: 2)])
        try write.storeJournal(sequence: 3)
        try workshop.file().patch(UInt64(3), at: 64)
        try workshop.file().truncate(to: 8192)
        expectCorrupt { _ = try segment.withWriteLock(until: .never) { _ in } }
    }

    @Test("a staged body that was cut is an error to its readers, not a crash")
    func cutStagedBody() throws {
        let staged = try StagedFile(for: segment)
        try [UInt8](repeating: 5, count: 20_000).withUnsafeBytes { try staged.append($0) }
        try staged.seal()
        #expect(staged.count == 20_000)
        let name = try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") })
        try workshop.file(name).truncate(to: 4096)
        var bytes = [UInt8](repeating: 0, count: 10)
        expectCorrupt { try bytes.withUnsafeMutableBytes { try staged.copy(0, into: $0) } }
    }

    @Test("cutting a segment while threads read and write it crashes nobody")
    func cutWhileBusy() throws {
        for _ in 0..<10 {
            let name = "busy"
            let segment = try workshop.segment(name, dataBytes: 1 << 20)
            let file = workshop.file(name)
            try Threads.run(4) { index in
                do {
                    if index == 0 {
                        sched_yield()
                        try file.truncate(to: 4096)
                    } else if index == 1 {
                        while true {
                            try segment.write([UInt8](repeating: 1, count: 1 << 19), to: segment.run(count: 1 << 19))
                        }
                    } else {
                        while true { _ = try segment.read(segment.run(count: 1 << 20), until: .never) }
                    }
                } catch SegmentError.corrupt {}
            }
            try workshop.directory.unlink(SegmentName(name), until: .immediate)
        }
    }
}
