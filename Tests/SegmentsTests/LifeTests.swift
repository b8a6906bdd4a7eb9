import Glibc
import Locks
import TestSupport
import Testing

@testable import Segments

/// Creating, loading, reading, writing, replacing and unlinking.
@Suite struct LifeTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    @Test("a segment goes from draft to load, snapshot, write and unlink")
    func wholeLife() throws {
        let segment = try workshop.segment(dataBytes: 5000)
        #expect(segment.totalBytes == 8192 + 8192)
        #expect(segment.dataOffset == 8192)
        #expect(try segment.header() == Workshop.header)
        #expect(try segment.read(segment.run(count: 3)).bytes == [0, 0, 0])
        #expect(try segment.read(segment.run(count: 3)).snapshot.sequence == 2)

        let before = try segment.vitals()
        #expect(try segment.write([1, 2, 3], to: segment.run(1, count: 3)) == 4)
        let (bytes, snapshot) = try segment.read(segment.run(count: 5))
        #expect(bytes == [0, 1, 2, 3, 0])
        #expect(snapshot.sequence == 4 && !snapshot.isDamaged)
        let after = try segment.vitals()
        #expect(after.sequence == 4 && after.writerPid == UInt64(getpid()) && after.state == 0)
        #expect(after.modifiedNs >= before.modifiedNs && segment.createdNs == before.modifiedNs)

        try workshop.directory.unlink(segment.name, until: .immediate)
        #expect(try workshop.scratch.names() == [])
        #expect(throws: SegmentError.noSuchSegment("a")) { try workshop.load("a") }
        #expect(throws: SegmentError.noSuchSegment("a")) {
            try workshop.directory.unlink(segment.name, until: .immediate)
        }
        #expect(try segment.vitals().state == 2)
        #expect(try segment.vitals().sequence == 6)
        #expect(try segment.read(segment.run(count: 5)).bytes == [0, 1, 2, 3, 0])
        #expect(throws: SegmentError.noSuchSegment("a")) { try segment.write([9], to: segment.run(count: 1)) }
    }

    @Test("a segment may be written as soon as it has its name, though its draft object still lives")
    func draftLetsGo() throws {
        let draft = try workshop.draft(dataBytes: 64)
        try draft.publish(as: SegmentName("a"))
        let segment = try workshop.load("a")
        #expect(throws: Never.self) { try segment.write([1], to: segment.run(count: 1), until: .immediate) }
        withExtendedLifetime(draft) {}
    }

    @Test("a segment that replaced another may be written at once, one that could not keeps sweepers off its draft")
    func replacingDraftLetsGo() throws {
        _ = try workshop.segment()
        let refused = try workshop.draft(dataBytes: 64)
        #expect(throws: SegmentError.alreadyExists("a")) { try refused.publish(as: SegmentName("a")) }
        #expect(try workshop.directory.sweep() == .init(drafts: 0, journals: 0, kept: 1))
        let draft = try workshop.draft(dataBytes: 64)
        try draft.publish(as: SegmentName("a"), replacing: true)
        let segment = try workshop.load("a")
        #expect(throws: Never.self) { try segment.write([1], to: segment.run(count: 1), until: .immediate) }
        withExtendedLifetime((refused, draft)) {}
    }

    @Test("strided, reversed and listed regions read and write their own elements only")
    func regions() throws {
        let segment = try workshop.segment(dataBytes: 256)
        let all = segment.run(count: 24)
        try segment.write((0..<24).map { UInt8($0) }, to: all)
        let column = Region(
            byteOffset: segment.dataOffset + 2,
            itemByteCount: 2,
            axes: [.init(count: 4, byteStride: 6)]
        )
        #expect(try segment.read(column).bytes == [2, 3, 8, 9, 14, 15, 20, 21])
        let reversed = Region(
            byteOffset: segment.dataOffset + 23,
            itemByteCount: 1,
            axes: [.init(count: 24, byteStride: -1)]
        )
        #expect(try segment.read(reversed).bytes == (0..<24).reversed().map { UInt8($0) })
        let listed = Region(
            byteOffset: segment.dataOffset,
            itemByteCount: 1,
            axes: [
                .init(count: 3, byteStride: 0, byteOffsets: [18, 0, 6]),
                .init(count: 2, byteStride: 0, byteOffsets: [5, 1]),
            ]
        )
        #expect(try segment.read(listed).bytes == [23, 19, 5, 1, 11, 7])
        try segment.write([100, 101, 102, 103, 104, 105], to: listed)
        var expected = (0..<24).map { UInt8($0) }
        for (place, value) in zip([23, 19, 5, 1, 11, 7], UInt8(100)...105) { expected[place] = value }
        #expect(try segment.read(all).bytes == expected)
        let empty = Region(byteOffset: segment.dataOffset, itemByteCount: 8, axes: [.init(count: 0, byteStride: 8)])
        #expect(try segment.read(empty).bytes == [])
        #expect(try segment.write([], to: empty) == 8)
    }

    @Test(
        "a region that is empty is so beside axes of any length",
        arguments: [[0, Int.max], [Int.max, 0], [1 << 40, 1 << 40, 0], [Int.max, Int.max, 0, Int.max], [0]]
    )
    func emptyRegions(counts: [Int]) throws {
        let segment = try workshop.segment()
        for stride in [8, 0, -8, Int.max, Int.min] {
            let axes = counts.map { Region.Axis(count: $0, byteStride: stride) }
            let region = Region(byteOffset: segment.dataOffset, itemByteCount: 8, axes: axes)
            #expect(region.count == 0 && region.byteCount == 0)
            #expect(region.contiguousRange == segment.dataOffset..<segment.dataOffset)
            #expect(try segment.read(region).bytes == [])
            try segment.write([], to: region)
        }
    }

    @Test("a segment without data can be made, read and unlinked")
    func noData() throws {
        let segment = try workshop.segment(dataBytes: 0)
        #expect(segment.totalBytes == 8192)
        #expect(try segment.read(segment.run(count: 0)).bytes == [])
        try workshop.directory.unlink(segment.name, until: .immediate)
    }

    @Test("a larger header moves the data", arguments: [1, 4096, 4097, 8192, 100_000])
    func headerSizes(count: Int) throws {
        let header = [UInt8](repeating: UInt8(ascii: " "), count: count)
        do { try workshop.draft(dataBytes: 10, header: header).publish(as: SegmentName("a")) }
        let segment = try workshop.load("a")
        #expect(segment.dataOffset == 4096 + (count + 4095) / 4096 * 4096)
        #expect(segment.totalBytes == segment.dataOffset + 4096)
        #expect(try segment.header() == header)
    }

    @Test("publishing does not take a name that something has", arguments: ["segment", "foreign", "directory", "link"])
    func noReplace(kind: String) throws {
        let name = try SegmentName("a")
        switch kind {
        case "segment": _ = try workshop.segment()
        case "foreign": try workshop.file().write([1, 2, 3])
        case "directory": try #require(mkdir(workshop.scratch.path("a"), 0o700) == 0)
        default: try #require(symlink("nowhere", workshop.scratch.path("a")) == 0)
        }
        let inode = try workshop.file().inode()
        do {
            let draft = try workshop.draft(dataBytes: 10)
            #expect(throws: SegmentError.alreadyExists("a")) { try draft.publish(as: name) }
            if kind != "segment" {
                #expect(throws: SegmentError.alreadyExists("a")) { try draft.publish(as: name, replacing: true) }
            }
        }
        #expect(try workshop.file().inode() == inode)
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a replaced segment says so to its mappers, who keep their bytes")
    func replace() throws {
        let old = try workshop.segment(filledWith: 1)
        do {
            let draft = try workshop.draft(dataBytes: 4096)
            try [UInt8(2)].withUnsafeBytes { try draft.fill(draft.dataOffset..<draft.totalBytes, repeating: $0) }
            try draft.publish(as: old.name, replacing: true) { segment throws(SegmentError) in
                #expect(segment?.uuid == old.uuid)
            }
        }
        let new = try workshop.load("a")
        #expect(new.uuid != old.uuid)
        #expect(try old.vitals().state == 1 && new.vitals().state == 0)
        #expect(try old.vitals().sequence == 4 && new.vitals().sequence == 2)
        #expect(try old.read(old.run(count: 4096)).bytes == [UInt8](repeating: 1, count: 4096))
        #expect(try new.read(new.run(count: 4096)).bytes == [UInt8](repeating: 2, count: 4096))
        #expect(throws: SegmentError.replaced("a")) { try old.write([9], to: old.run(count: 1)) }
        #expect(try !old.isCurrent() && new.isCurrent())
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a condition that refuses leaves the segment and its name alone")
    func condition() throws {
        let segment = try workshop.segment()
        let refusal = SegmentError.preconditionFailed("no")
        #expect(throws: refusal) {
            try workshop.draft(dataBytes: 1).publish(as: segment.name, replacing: true) { _ throws(SegmentError) in
                throw refusal
            }
        }
        #expect(throws: refusal) {
            try workshop.directory.unlink(segment.name, until: .immediate) { _ throws(SegmentError) in throw refusal }
        }
        #expect(throws: refusal) {
            try workshop.draft(dataBytes: 1).publish(as: SegmentName("b")) { _ throws(SegmentError) in throw refusal }
        }
        #expect(try segment.vitals().state == 0 && segment.vitals().sequence == 2)
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("of 32 threads that create one name one wins")
    func race() throws {
        let wins = Locked(0)
        let losses = Locked(0)
        let workshop = workshop
        try Threads.run(32) { index in
            let draft = try workshop.draft(dataBytes: 4096)
            try [UInt8(index + 1)].withUnsafeBytes {
                try draft.fill(draft.dataOffset..<draft.totalBytes, repeating: $0)
            }
            do {
                try draft.publish(as: SegmentName("a"))
                wins.withLock { $0 += 1 }
            } catch SegmentError.alreadyExists {
                losses.withLock { $0 += 1 }
            }
        }
        #expect(wins.withLock { $0 } == 1)
        #expect(losses.withLock { $0 } == 31)
        #expect(try workshop.scratch.names() == ["a"])
        let segment = try workshop.load("a")
        let bytes = try segment.read(segment.run(count: 4096)).bytes
        #expect(bytes == [UInt8](repeating: bytes[0], count: 4096) && bytes[0] != 0)
    }

    @Test("while threads replace and load one name, nobody sees a half segment or none")
    func replaceRace() throws {
        _ = try workshop.segment(filledWith: 1)
        let workshop = workshop
        try Threads.run(8) { index in
            for round in 0..<25 {
                if index < 3 {
                    let draft = try workshop.draft(dataBytes: 4096)
                    let byte = UInt8(1 + index * 25 + round)
                    try [byte].withUnsafeBytes { try draft.fill(draft.dataOffset..<draft.totalBytes, repeating: $0) }
                    try draft.publish(as: SegmentName("a"), replacing: true, until: .never)
                } else {
                    let segment = try workshop.load("a")
                    let bytes = try segment.read(segment.run(count: 4096)).bytes
                    guard bytes[0] != 0, bytes.allSatisfy({ $0 == bytes[0] }) else { throw Mismatch("\(bytes)") }
                }
            }
        }
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a draft that is dropped leaves nothing behind")
    func droppedDraft() throws {
        do {
            let draft = try workshop.draft(dataBytes: 10)
            #expect(try workshop.scratch.names() == [".shmgate-tmp-" + draft.uuid.hexadecimal])
            #expect(try workshop.directory.names().isEmpty)
            withExtendedLifetime(draft) {}
        }
        #expect(try workshop.scratch.names() == [])
    }

    @Test("a draft that memory cannot hold is out of space and leaves nothing behind", arguments: [1 << 50, Int.max])
    func hugeDraft(dataBytes: Int) throws {
        let error = #expect(throws: SegmentError.self) { try workshop.draft(dataBytes: dataBytes) }
        guard case .outOfSpace = error else {
            Issue.record("expected outOfSpace, got \(String(describing: error))")
            return
        }
        #expect(try workshop.scratch.names() == [])
    }

    @Test("a corrupt or unknown segment can be unlinked, a foreign file cannot")
    func unlinkCorrupt() throws {
        _ = try workshop.segment("corrupt")
        try workshop.file("corrupt").patch(UInt64.max, at: 32)
        _ = try workshop.segment("future")
        try workshop.file("future").patch(UInt32(9), at: 8)
        try workshop.file("foreign").write([UInt8](repeating: 0, count: 8192))
        var seen: [Bool] = []
        _ = try workshop.segment("cut")
        try workshop.file("cut").truncate(to: 8)
        for name in ["corrupt", "cut", "future"] {
            try workshop.directory.unlink(SegmentName(name), until: .immediate) { segment throws(SegmentError) in
                seen.append(segment == nil)
            }
        }
        #expect(seen == [true, true, true])
        #expect(throws: SegmentError.noSuchSegment("foreign")) {
            try workshop.directory.unlink(SegmentName("foreign"), until: .immediate)
        }
        #expect(try workshop.scratch.names() == ["foreign"])
    }

    @Test("a corrupt, cut or unknown segment can be replaced, a foreign file cannot")
    func replaceUnreadable() throws {
        for name in ["corrupt", "cut", "future"] { _ = try workshop.segment(name) }
        try workshop.file("corrupt").patch(UInt64.max, at: 32)
        try workshop.file("cut").truncate(to: 20)
        try workshop.file("future").patch(UInt32(9), at: 8)
        try workshop.file("foreign").write([UInt8](repeating: 0, count: 8192))
        for name in ["corrupt", "cut", "future"] {
            let draft = try workshop.draft(dataBytes: 10)
            #expect(throws: SegmentError.preconditionFailed("no")) {
                try draft.publish(as: SegmentName(name), replacing: true) { old throws(SegmentError) in
                    #expect(old == nil)
                    throw .preconditionFailed("no")
                }
            }
            #expect(try draft.publish(as: SegmentName(name), replacing: true))
            #expect(try workshop.load(name).uuid == draft.uuid)
        }
        #expect(throws: SegmentError.alreadyExists("foreign")) {
            try workshop.draft(dataBytes: 10).publish(as: SegmentName("foreign"), replacing: true)
        }
        #expect(try workshop.scratch.names() == ["corrupt", "cut", "foreign", "future"])
    }

    @Test("a corrupt segment that is another's file by the time its lock is had is not unlinked")
    func corruptBecomesForeign() throws {
        _ = try workshop.segment()
        try workshop.file().patch(UInt64.max, at: 32)
        let workshop = workshop
        let path = workshop.scratch.path("a")
        let lock = Locked<ForeignLock?>(try ForeignLock(path))
        try Threads.run(2) { index in
            if index == 0 {
                do {
                    try workshop.directory.unlink(SegmentName("a"), until: .after(milliseconds: 60_000))
                    throw Mismatch("a file without the magic was unlinked")
                } catch SegmentError.noSuchSegment {}
            } else {
                while try ForeignLock.isFree(path, .turnstile) { sched_yield() }
                try workshop.file().patch([UInt8](repeating: 0, count: 8), at: 0)
                lock.withLock { $0 = nil }
            }
        }
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a read-only segment refuses to be written, and can be read and unlinked")
    func readOnly() throws {
        let segment = try workshop.segment(filledWith: 3, isReadOnly: true)
        let error = #expect(throws: SegmentError.self) { try segment.prepare([1], to: [segment.run(count: 1)]) }
        guard case .forbidden = error else {
            Issue.record("expected forbidden, got \(String(describing: error))")
            return
        }
        #expect(try segment.read(segment.run(count: 1)).bytes == [3])
        try workshop.directory.unlink(segment.name, until: .immediate)
    }

    @Test(
        "a state that was set for a change that did not happen is live again under the next lock, as a write of its own"
    )
    func stateIsTakenBack() throws {
        let segment = try workshop.segment()
        try workshop.file().patch(UInt64(1), at: 112)
        try segment.withWriteLock(until: .immediate) { lock throws(SegmentError) in
            #expect(lock.sequence == 4, "every change of state is a write: sequence + 2")
        }
        #expect(try segment.vitals().state == 0)
        #expect(try segment.vitals().sequence == 4)
    }

    @Test("a dead writer is recovered before the state is taken back")
    func stateIsTakenBackAfterRecovery() throws {
        let segment = try workshop.segment()
        try workshop.file().patch(UInt64(2), at: 112)
        try workshop.file().patch(UInt64(3), at: 64)
        try segment.withWriteLock(until: .immediate) { lock throws(SegmentError) in #expect(lock.sequence == 6) }
        let vitals = try segment.vitals()
        #expect(vitals.state == 0 && vitals.sequence == 6 && vitals.interruptedWrites == 1)
    }

    @Test("a segment notices that its name, mode or header changed")
    func isCurrent() throws {
        let segment = try workshop.segment()
        #expect(try segment.isCurrent())
        try segment.write([1], to: segment.run(count: 1))
        #expect(try segment.isCurrent())
        try #require(chmod(workshop.scratch.path("a"), 0o640) == 0)
        #expect(try !segment.isCurrent())
        try #require(chmod(workshop.scratch.path("a"), 0o600) == 0)
        #expect(try segment.isCurrent())
        try workshop.file().patch([UInt8(ascii: "!")], at: 4096)
        #expect(try !segment.isCurrent())
    }

    @Test("the directory tells its size and what is free")
    func capacity() throws {
        let (total, free) = try workshop.directory.capacity()
        #expect(total > 0 && free > 0 && free <= total)
        #expect(throws: SegmentError.self) { try SegmentDirectory(path: workshop.scratch.path("absent")) }
    }

    @Test("an identifier is version 4, and its text reads back")
    func uuids() throws {
        for _ in 0..<1000 {
            let uuid = UUID.random()
            let text = uuid.description
            #expect(text.count == 36 && Array(text)[14] == "4" && "89ab".contains(Array(text)[19]))
            #expect(UUID(text) == uuid && UUID(text.uppercased()) == uuid)
        }
        let uuid = UUID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
        #expect(uuid.description == "00112233-4455-6677-8899-aabbccddeeff")
        for text in [
            "", "00112233445566778899aabbccddeeff", uuid.description + "0", "g" + uuid.description.dropFirst(),
        ] {
            #expect(UUID(text) == nil)
        }
        #expect(UUID(uuid.description.replacing("-", with: "0")) == nil)
    }
}
