import Glibc
import TestSupport
import Testing

@testable import Segments

/// CRC-32 of zlib, written once more from its definition.
func crc32(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in
        (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
}

@Suite struct JournalTests {
    let workshop: Workshop
    let segment: Segment

    init() throws {
        workshop = try Workshop()
        segment = try workshop.segment(dataBytes: 65_536, filledWith: 0xAA)
    }

    /// Bytes of a size that only a staged file can hold.
    private let large = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    /// What a writer leaves that dies after its journal and the odd sequence, with some of its data stored.
    private func die(_ write: PreparedWrite, at sequence: UInt64? = nil) throws {
        let odd = try sequence ?? segment.sequence() + 1
        try write.storeJournal(sequence: odd)
        try workshop.file().patch(odd, at: 64)
        try workshop.file().patch([0xDE, 0xAD], at: segment.dataOffset)
    }

    private var stagedName: String {
        get throws { try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") }) }
    }

    private func recover() throws -> Vitals {
        try segment.withWriteLock(until: .immediate) { lock throws(SegmentError) in #expect(lock.sequence & 1 == 0) }
        return try segment.vitals()
    }

    @Test("the CRC of these tests is the well-known one")
    func crc() { #expect(crc32(Array("123456789".utf8)) == 0xCBF4_3926) }

    @Test("a small write is journaled in the page, byte for byte as the format says", arguments: [false, true])
    func goldenPage(whole: Bool) throws {
        let region = Region(
            byteOffset: 8192 + 64,
            itemByteCount: 2,
            axes: [.init(count: 2, byteStride: 32), .init(count: 3, byteStride: 4)]
        )
        let data = (1...12).map { UInt8($0) }
        try segment.write(data, to: region, whole: whole)
        var payload: [UInt8] = []
        payload.append(UInt64(8192 + 64))
        payload.append(UInt32(2))
        payload.append(UInt32(2))
        for extent in [2, 3] as [UInt64] { payload.append(extent) }
        for stride in [32, 4] as [Int64] { payload.append(stride) }
        payload += data
        var head: [UInt8] = []
        head.append(UInt32(1))
        head.append(UInt32(whole ? 1 : 0))
        head.append(UInt64(3))
        head.append(segment.uuid.high.bigEndian)
        head.append(segment.uuid.low.bigEndian)
        head.append(UInt64(payload.count))
        head += [UInt8](repeating: 0, count: 16)
        #expect(head.count == 56)
        let sum = crc32(head + payload)
        head.append(sum)
        head += [0, 0, 0, 0]
        #expect(try workshop.file().bytes(2048..<(2112 + payload.count)) == head + payload)
    }

    @Test("index lists become one record for each of their elements, and contiguous axes become one run")
    func records() throws {
        let listed = Region(
            byteOffset: 8192,
            itemByteCount: 4,
            axes: [
                .init(count: 2, byteStride: 0, byteOffsets: [400, 0]), .init(count: 1, byteStride: 99),
                .init(count: 3, byteStride: 8), .init(count: 2, byteStride: 4),
            ]
        )
        try segment.write((0..<48).map { UInt8($0) }, to: listed)
        let count = try workshop.file().number(at: 2048 + 32, as: UInt64.self)
        var expected: [UInt8] = []
        for (index, offset) in [8592, 8192].enumerated() {
            // Three and two elements of four bytes, eight apart: one run of 24 bytes.
            expected.append(UInt64(offset))
            expected.append(UInt32(0))
            expected.append(UInt32(24))
            expected += (0..<24).map { UInt8($0 + 24 * index) }
        }
        #expect(try workshop.file().bytes(2112..<(2112 + Int(count))) == expected)
    }

    @Test("a write of 1968 bytes fits into the page, one byte more needs a staged file")
    func capacity() throws {
        try segment.write([UInt8](repeating: 1, count: 1968), to: segment.run(count: 1968))
        #expect(try workshop.file().number(at: 2048, as: UInt32.self) == 1)
        try segment.write([UInt8](repeating: 2, count: 1969), to: segment.run(count: 1969))
        #expect(try workshop.file().number(at: 2048, as: UInt32.self) == 0, "a finished staged journal is forgotten")
        #expect(try workshop.scratch.names() == ["a"])
        #expect(try segment.read(segment.run(count: 1970)).bytes == [UInt8](repeating: 2, count: 1969) + [0xAA])
    }

    @Test("a large write is journaled in a staged file, byte for byte as the format says", arguments: [false, true])
    func goldenStaged(whole: Bool) throws {
        try #require(chmod(workshop.scratch.path("a"), 0o640) == 0)
        let segment = try workshop.load("a")
        let write = try segment.prepare(large, to: [segment.run(100, count: large.count)], whole: whole)
        try write.storeJournal(sequence: 3)
        let staged = workshop.file(try stagedName)
        #expect(try staged.mode() == 0o640, "a staged file has the segment's mode")
        let bytes = try staged.bytes()
        var head = Array("SHMGJRN".utf8) + [0]
        head.append(UInt32(1))
        let commitOffset = head.count
        head.append(UInt32(1))
        head.append(UInt64(1))
        head.append(segment.uuid.high.bigEndian)
        head.append(segment.uuid.low.bigEndian)
        head.append(UInt64(3))
        let recordsOffset = 4096 + 10_000
        head.append(UInt64(recordsOffset))
        head.append(UInt64(24))
        #expect(head.count == 64)
        var records: [UInt8] = []
        records.append(UInt64(8192 + 100))
        records.append(UInt32(0))
        records.append(UInt32(10_000))
        records.append(UInt64(4096))
        let padding = [UInt8](repeating: 0, count: 4096 - head.count)
        #expect(bytes == head + padding + large + records)

        var journal: [UInt8] = []
        journal.append(UInt32(2))
        journal.append(UInt32(whole ? 1 : 0))
        journal.append(UInt64(3))
        journal.append(segment.uuid.high.bigEndian)
        journal.append(segment.uuid.low.bigEndian)
        journal.append(UInt64(64 + 24))
        let hex = try stagedName.dropFirst(".shmgate-journal-".count)
        #expect(hex.count == 32)
        journal += stride(from: 0, to: 32, by: 2).map { place in
            let start = hex.index(hex.startIndex, offsetBy: place)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
        head[commitOffset] = 0  // The checksum counts the commit word as 0.
        journal.append(crc32(journal + head + records))
        journal += [0, 0, 0, 0]
        #expect(try workshop.file().bytes(2048..<2112) == journal)
    }

    @Test("the write of a dead process is redone from the page, also strided and listed")
    func replayPage() throws {
        let region = Region(
            byteOffset: segment.dataOffset + 30,
            itemByteCount: 1,
            axes: [.init(count: 2, byteStride: 0, byteOffsets: [40, 0]), .init(count: 3, byteStride: -2)]
        )
        let write = try segment.prepare([1, 2, 3, 4, 5, 6], to: [region])
        try die(write)
        let vitals = try recover()
        #expect(vitals.sequence == 4 && vitals.interruptedWrites == 0 && !vitals.isDamaged)
        #expect(try segment.read(region).bytes == [1, 2, 3, 4, 5, 6])
    }

    @Test("the write of a dead process is redone from its staged file, which then goes")
    func replayStaged() throws {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try die(write)
        let vitals = try recover()
        #expect(vitals.sequence == 4 && vitals.interruptedWrites == 0 && !vitals.isDamaged)
        #expect(try segment.read(segment.run(count: large.count)).bytes == large)
        #expect(try workshop.scratch.names() == ["a"])
        #expect(try workshop.file().number(at: 2048, as: UInt32.self) == 0)
        withExtendedLifetime(write) {}
    }

    @Test("a snapshot of a segment whose writer died redoes the write first", arguments: [16, 10_000])
    func snapshotRecovers(count: Int) throws {
        let bytes = Array(large.prefix(count))
        let write = try segment.prepare(bytes, to: [segment.run(count: count)])
        try die(write)
        let (read, snapshot) = try segment.read(segment.run(count: count), until: .after(milliseconds: 60_000))
        #expect(read == bytes && snapshot.sequence == 4 && !snapshot.isDamaged)
        withExtendedLifetime(write) {}
    }

    @Test("replaying twice is replaying once")
    func idempotent() throws {
        let write = try segment.prepare([1, 2, 3], to: [segment.run(count: 3)])
        try die(write)
        _ = try recover()
        try workshop.file().patch(UInt64(3), at: 64)
        #expect(try recover().sequence == 4)
        #expect(try segment.read(segment.run(count: 3)).bytes == [1, 2, 3])
    }

    @Test("a replay of the whole clears the damage, one of a part does not", arguments: [16, 10_000], [false, true])
    func wholeClears(count: Int, whole: Bool) throws {
        try workshop.file().patch(UInt64(1), at: 120)
        try workshop.file().patch(UInt64(7), at: 72)
        let write = try segment.prepare(Array(large.prefix(count)), to: [segment.run(count: count)], whole: whole)
        try die(write)
        let vitals = try recover()
        #expect(vitals.isDamaged != whole)
        #expect(vitals.interruptedWrites == 7)
        withExtendedLifetime(write) {}
    }

    @Test("a finished write of the whole clears the damage, one of a part does not")
    func writeClears() throws {
        try workshop.file().patch(UInt64(1), at: 120)
        try segment.write([1], to: segment.run(count: 1))
        #expect(try segment.vitals().isDamaged)
        #expect(try segment.read(segment.run(count: 1)).snapshot.isDamaged)
        try segment.write([1], to: segment.run(count: 1), whole: true)
        #expect(try !segment.vitals().isDamaged)
    }

    /// Lies about a journal: what, the offset in the page and what to flip there.
    static let lies: [(String, Int)] = [
        ("kind", 2048), ("flags", 2052), ("sequence", 2056), ("uuid", 2064), ("last byte of uuid", 2079),
        ("payload size", 2080), ("high byte of the payload size", 2087), ("crc", 2104), ("file", 2088),
        ("offset of the record", 2112), ("rank", 2120), ("itemsize", 2124), ("data", 2128),
    ]

    @Test("a journal in the page with a flipped bit is damage, and its data are not touched", arguments: lies)
    func corruptPage(what: String, offset: Int) throws {
        let write = try segment.prepare([1, 2, 3], to: [segment.run(count: 3)])
        try die(write)
        let byte = try workshop.file().bytes(offset..<offset + 1)[0]
        try workshop.file().patch([byte ^ 0x80], at: offset)
        let vitals = try recover()
        #expect(vitals.sequence == 4 && vitals.isDamaged && vitals.interruptedWrites == 1)
        #expect(try segment.read(segment.run(count: 3)).bytes == [0xDE, 0xAD, 0xAA])
    }

    @Test("a journal of an older sequence is void", arguments: [16, 10_000])
    func olderSequence(count: Int) throws {
        let write = try segment.prepare(Array(large.prefix(count)), to: [segment.run(count: count)])
        try die(write)
        try workshop.file().patch(UInt64(5), at: 64)
        let vitals = try recover()
        #expect(vitals.sequence == 6 && vitals.isDamaged && vitals.interruptedWrites == 1)
        #expect(try segment.read(segment.run(count: 3)).bytes == [0xDE, 0xAD, 0xAA])
        withExtendedLifetime(write) {}
    }

    @Test("a journal of another segment is void")
    func otherSegment() throws {
        let other = try workshop.segment("b", dataBytes: 65_536)
        let write = try other.prepare([1, 2, 3], to: [other.run(count: 3)])
        try write.storeJournal(sequence: 3)
        try workshop.file().patch(try workshop.file("b").bytes(2048..<4096), at: 2048)
        try workshop.file().patch(UInt64(3), at: 64)
        let vitals = try recover()
        #expect(vitals.isDamaged && vitals.interruptedWrites == 1)
        #expect(try segment.read(segment.run(count: 3)).bytes == [0xAA, 0xAA, 0xAA])
    }

    @Test("every death without a journal is counted once")
    func counted() throws {
        for death in 1...3 as ClosedRange<UInt64> {
            try workshop.file().patch(UInt32(0), at: 2048)
            try workshop.file().patch(UInt64(2 * death + 1), at: 64)
            _ = try recover()
            let vitals = try recover()
            #expect(vitals.interruptedWrites == death && vitals.isDamaged)
        }
    }

    @Test("a staged file whose commit word is 0 was never applied: the segment is untouched and not damaged")
    func uncommitted() throws {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try write.storeJournal(sequence: 3)
        try workshop.file().patch(UInt64(3), at: 64)
        try workshop.file(try stagedName).patch(UInt32(0), at: 12)
        let vitals = try recover()
        #expect(vitals.sequence == 4 && !vitals.isDamaged && vitals.interruptedWrites == 0)
        #expect(try segment.read(segment.run(count: 100)).bytes == [UInt8](repeating: 0xAA, count: 100))
        #expect(try workshop.scratch.names() == ["a"])
        withExtendedLifetime(write) {}
    }

    static let stagedLies: [(String, Int)] = [
        ("magic", 0), ("version", 8), ("commit", 12), ("entries", 16), ("entries, high", 23), ("uuid", 24),
        ("sequence", 40), ("records' offset", 48), ("records' offset, high", 55), ("records' size", 56),
        ("records' size, high", 63), ("record", 4096 + 10_000), ("record's data", 4096 + 10_000 + 16),
    ]

    @Test("a staged file with a flipped bit is damage, and its data are not touched", arguments: stagedLies)
    func corruptStaged(what: String, offset: Int) throws {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try die(write)
        let staged = workshop.file(try stagedName)
        try staged.patch([try staged.bytes(offset..<offset + 1)[0] ^ 0x80], at: offset)
        let vitals = try recover()
        #expect(vitals.sequence == 4 && vitals.isDamaged && vitals.interruptedWrites == 1)
        #expect(try segment.read(segment.run(count: 3)).bytes == [0xDE, 0xAD, 0xAA])
        withExtendedLifetime(write) {}
    }

    @Test("a staged file that was cut, or is gone, is damage", arguments: [-1, 0, 23, 63, 64, 4096, 14_096, 14_119])
    func cutStaged(size: Int) throws {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try die(write)
        let staged = workshop.file(try stagedName)
        if size < 0 { unlink(staged.path) } else { try staged.truncate(to: size) }
        let vitals = try recover()
        #expect(vitals.isDamaged && vitals.interruptedWrites == 1)
        #expect(try segment.read(segment.run(count: 3)).bytes == [0xDE, 0xAD, 0xAA])
        withExtendedLifetime(write) {}
    }

    /// Records with a right checksum whose targets or data lie where they may not.
    static let badRecords: [(String, [UInt64], UInt32, UInt32, [Int64], [Int64])] = [
        ("before the buffers", [4096], 0, 3, [], []), ("in the journal", [2112], 0, 3, [], []),
        ("at 0", [0], 0, 3, [], []), ("beyond the end", [8192 + 65_536 - 2], 0, 3, [], []),
        ("at 2^63", [1 << 63], 0, 3, [], []), ("at 2^63-1", [1 << 63 - 1], 0, 3, [], []),
        ("a stride that leaves", [8192], 1, 1, [3], [40_000]), ("a stride back", [8192], 1, 1, [3], [-1]),
        ("a stride that overflows", [8192], 1, 1, [3], [.max]), ("a least stride", [8192], 1, 1, [3], [.min]),
        ("strides that meet again", [8192], 2, 1, [2, 2], [1 << 62, -1 << 62]),
        ("an extent of zero", [8192], 1, 3, [0], [1]), ("a negative extent", [8192], 1, 3, [-1], [1]),
        ("extents that overflow", [8192], 2, 3, [1 << 40, 1 << 40], [0, 0]), ("rank 65", [8192], 65, 3, [], []),
        ("rank 2^32-1", [8192], .max, 3, [], []), ("less data than it says", [8192], 0, 4, [], []),
        ("no extents behind a rank", [8192], 2, 3, [], []),
    ]

    @Test("a record that leaves the buffers or its data is not replayed", arguments: badRecords)
    func badRecord(
        what: String,
        offset: [UInt64],
        rank: UInt32,
        itemBytes: UInt32,
        extents: [Int64],
        strides: [Int64]
    ) throws {
        var payload: [UInt8] = []
        payload.append(offset[0])
        payload.append(rank)
        payload.append(itemBytes)
        for number in extents + strides { payload.append(number) }
        if itemBytes > 0 { payload += [1, 2, 3] }
        let head = JournalHead(
            kind: 1,
            flags: 0,
            sequence: 3,
            uuid: segment.uuid,
            byteCount: UInt64(payload.count),
            file: UUID(high: 0, low: 0)
        )
        let before = try workshop.file().bytes()
        try workshop.file().patch(head.encoded(crcOver: payload) + payload, at: 2048)
        try workshop.file().patch(UInt64(3), at: 64)
        let vitals = try recover()
        #expect(vitals.isDamaged && vitals.interruptedWrites == 1)
        let after = try workshop.file().bytes()
        #expect(after[8192...] == before[8192...] && after[..<64] == before[..<64])
    }

    @Test("a reader that may not write delivers the bytes of a journaled write, since it applies it to its copy")
    func readOnlyReader() throws {
        let write = try segment.prepare([1, 2, 3], to: [segment.run(count: 3)])
        try die(write)
        try workshop.file().patch(UInt32(1), at: 12)
        let reader = try workshop.load("a")
        #expect(!reader.isWritable)
        let (bytes, snapshot) = try reader.read(reader.run(count: 3), until: .after(milliseconds: 60_000))
        #expect(bytes == [1, 2, 3] && !snapshot.isDamaged)
        #expect(try reader.sequence() == 3, "a reader changes nothing")
    }

    @Test(
        "a reader that may not write redoes a write of any size on its copy, and leaves the file as it is",
        arguments: [16, 10_000]
    )
    func readOnlyReaderRedoes(count: Int) throws {
        let bytes = Array(large.prefix(count))
        let listed = Region(
            byteOffset: segment.dataOffset + 1,
            itemByteCount: count / 2,
            axes: [.init(count: 2, byteStride: 0, byteOffsets: [20_000, 0])]
        )
        let write = try segment.prepare(bytes, to: [listed])
        try die(write)
        try workshop.file().patch(UInt32(1), at: 12)
        try workshop.file().patch(UInt64(1), at: 120)
        let before = try workshop.file().bytes()
        let reader = try workshop.load("a")
        let (all, snapshot) = try reader.read(reader.run(count: 65_536), until: .after(milliseconds: 60_000))
        var expected = [UInt8](repeating: 0xAA, count: 65_536)
        expected[0] = 0xDE
        expected.replaceSubrange(20_001..<(20_001 + count / 2), with: bytes[..<(count / 2)])
        expected.replaceSubrange(1..<(1 + count / 2), with: bytes[(count / 2)...])
        #expect(all == expected)
        #expect(snapshot.sequence == 4, "the sequence that the recovery of these bytes will have")
        #expect(snapshot.isDamaged, "a write of a part does not undo older damage")
        #expect(try workshop.file().bytes() == before)
        #expect(try ForeignLock.isFree(workshop.scratch.path("a")))
        withExtendedLifetime(write) {}
    }

    @Test("a half write counts as damage once its writer is dead, unless a journal tells the whole")
    func vitalsOfTheDead() throws {
        let write = try segment.prepare([1, 2, 3], to: [segment.run(count: 3)])
        try die(write)
        #expect(try !segment.vitals().isDamaged)
        try workshop.file().patch(UInt32(0), at: 2048)
        let before = try workshop.file().bytes()
        do {
            let lock = try ForeignLock(workshop.scratch.path("a"))
            #expect(try !segment.vitals().isDamaged, "whoever holds the lock may be at work")
            withExtendedLifetime(lock) {}
        }
        let vitals = try segment.vitals()
        #expect(vitals.isDamaged && vitals.sequence == 3 && vitals.interruptedWrites == 0)
        #expect(try workshop.file().bytes() == before)
        try #require(unlink(workshop.scratch.path("a")) == 0)
        #expect(try segment.vitals().sequence == 3, "a segment without a name is described too")
    }

    @Test("a reader that may not write and finds no journal says that there is damage, and changes nothing")
    func readOnlyReaderOfDamage() throws {
        try workshop.file().patch(UInt32(1), at: 12)
        try workshop.file().patch(UInt64(3), at: 64)
        let reader = try workshop.load("a")
        let (bytes, snapshot) = try reader.read(reader.run(count: 3), until: .after(milliseconds: 60_000))
        #expect(bytes == [0xAA, 0xAA, 0xAA] && snapshot.isDamaged && snapshot.sequence & 1 == 0)
        #expect(try reader.sequence() == 3)
        #expect(try reader.vitals().interruptedWrites == 0)
    }

    // MARK: What strangers leave in the page

    private static let victim = ".shmgate-journal-" + String(repeating: "ab", count: 16)

    @Test("a page that names somebody's staged file without a checksum that holds does not make that file go")
    func namedFileStays() throws {
        try workshop.file(Self.victim).write(Array("SHMGJRN\0".utf8))
        let identity = UUID(high: 0xABAB_ABAB_ABAB_ABAB, low: 0xABAB_ABAB_ABAB_ABAB)
        let head = JournalHead(kind: 2, flags: 0, sequence: 3, uuid: segment.uuid, byteCount: 64, file: identity)
        try workshop.file().patch(head.encoded(crcOver: []), at: 2048)
        try workshop.file().patch(UInt64(3), at: 64)
        let (_, snapshot) = try segment.read(segment.run(count: 1), until: .after(milliseconds: 60_000))
        #expect(snapshot.isDamaged && snapshot.sequence == 4)
        #expect(try workshop.scratch.names() == [Self.victim, "a"])
    }

    /// Stages a write, lets `change` forge the staged file and its head, and signs the result as a writer would.
    private func forge(
        kind: UInt32 = 2,
        entries: (StagedHead.Entry) -> [StagedHead.Entry],
        records: [UInt8]? = nil
    ) throws -> PreparedWrite {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try die(write)
        let staged = workshop.file(try stagedName)
        let start = 4096 + large.count
        if let records { try staged.patch(records, at: start) }
        let mine = StagedHead.Entry(
            uuid: segment.uuid,
            sequence: 3,
            recordsOffset: start,
            recordsBytes: records?.count ?? 24
        )
        var head = StagedHead(entries: entries(mine))
        var payload = head.encoded
        for entry in head.entries {
            payload += try staged.bytes(entry.recordsOffset..<entry.recordsOffset + entry.recordsBytes)
        }
        head.commit = 1
        try staged.patch(head.encoded, at: 0)
        var journal = try #require(JournalHead(decoding: workshop.file().bytes(2048..<2112)))
        journal.kind = kind
        journal.byteCount = UInt64(payload.count)
        try workshop.file().patch(journal.encoded(crcOver: payload), at: 2048)
        return write
    }

    private func expectRefused(_ write: PreparedWrite) throws {
        let vitals = try recover()
        #expect(vitals.sequence == 4 && vitals.isDamaged && vitals.interruptedWrites == 1)
        #expect(try segment.read(segment.run(count: 3)).bytes == [0xDE, 0xAD, 0xAA])
        withExtendedLifetime(write) {}
    }

    private func entry(of uuid: UUID, like other: StagedHead.Entry, at offset: Int) -> StagedHead.Entry {
        var entry = other
        entry.uuid = uuid
        entry.recordsOffset = offset
        return entry
    }

    @Test("a staged file of two segments is replayed, its journal is of kind 3")
    func shared() throws {
        let other = UUID.random()
        let write = try forge(kind: 3) { [entry(of: other, like: $0, at: 4096), $0] }
        #expect(try !recover().isDamaged)
        #expect(try segment.read(segment.run(count: large.count)).bytes == large)
        withExtendedLifetime(write) {}
    }

    @Test("a journal of kind 2 has one entry, or is void")
    func oneEntry() throws {
        try expectRefused(forge { [$0, entry(of: .random(), like: $0, at: 4096)] })
    }

    @Test("entries of a shared journal that use the same records are void", arguments: [0, 8, -8])
    func overlappingEntries(by shift: Int) throws {
        try expectRefused(
            forge(kind: 3) { [$0, entry(of: .random(), like: $0, at: $0.recordsOffset + min(shift, 0))] }
        )
    }

    @Test("records that use the same bytes again and again are void, for they would be work without end")
    func reusedBytes() throws {
        var records: [UInt8] = []
        for _ in 0..<20 {
            records.append(UInt64(segment.dataOffset))
            records.append(UInt32(0))
            records.append(UInt32(large.count))
            records.append(UInt64(4096))
        }
        try expectRefused(forge(entries: { [$0] }, records: records))
    }

    @Test("records over the holes of a sparse staged file are void")
    func sparse() throws {
        var record: [UInt8] = []
        record.append(UInt64(segment.dataOffset))
        record.append(UInt32(0))
        record.append(UInt32(60_000))
        record.append(UInt64(1 << 20))
        let write = try forge(entries: { [$0] }, records: record)
        try workshop.file(try stagedName).truncate(to: 1 << 40)
        try expectRefused(write)
    }

    @Test("a staged file with more records than the journal counts is void, and is not read to its end")
    func moreThanCounted() throws {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try die(write)
        let staged = workshop.file(try stagedName)
        try staged.truncate(to: 1 << 40)
        try staged.patch(UInt64(1 << 39), at: 56)
        try expectRefused(write)
    }

    @Test("a staged file of somebody who may not write the segment is void", .enabled(if: geteuid() == 0, "chown"))
    func foreignOwner() throws {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try die(write)
        try #require(chown(workshop.scratch.path(stagedName), 12_345, 12_345) == 0)
        try expectRefused(write)
    }

    @Test("a segment that its group may write is recovered from the group's staged file", .enabled(if: geteuid() == 0))
    func groupOwner() throws {
        try #require(chmod(workshop.scratch.path("a"), 0o660) == 0)
        let segment = try workshop.load("a")
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try die(write)
        try #require(chown(workshop.scratch.path(stagedName), 12_345, UInt32.max) == 0)
        try segment.withWriteLock(until: .immediate) { _ in }
        #expect(try !segment.vitals().isDamaged)
        #expect(try segment.read(segment.run(count: large.count)).bytes == large)
        withExtendedLifetime(write) {}
    }

    @Test("a record of elements without bytes is void, however many there are of them")
    func noBytes() async throws {
        await #expect(processExitsWith: .success) {
            let tests = try JournalTests()
            try tests.badRecord(
                what: "no bytes",
                offset: [8192],
                rank: 2,
                itemBytes: 0,
                extents: [1 << 40, 1 << 40],
                strides: [0, 0]
            )
        }
    }

    @Test("a description of a dead write looks at the journal alone, and copies nothing")
    func vitalsCopyNothing() throws {
        // As much as the segment has, so that a replay onto a copy would make the whole of it private.
        let segment = try workshop.segment("large", dataBytes: 64 << 20)
        let bytes = [UInt8](repeating: 7, count: 64 << 20)
        let write = try segment.prepare(bytes, to: [segment.run(count: bytes.count)])
        try write.storeJournal(sequence: 3)
        try workshop.file("large").patch(UInt64(3), at: 64)
        var before = rusage()
        var after = rusage()
        getrusage(1, &before)  // RUSAGE_THREAD
        let vitals = try segment.vitals()
        getrusage(1, &after)
        #expect(vitals.sequence == 3 && !vitals.isDamaged)
        #expect(after.ru_minflt - before.ru_minflt < 4096)
        withExtendedLifetime(write) {}
    }

    @Test("a finished write whose page is gone lets its staged file go all the same")
    func dropWithoutPage() throws {
        let write = try segment.prepare(large, to: [segment.run(count: large.count)])
        try write.storeJournal(sequence: 3)
        try workshop.file().truncate(to: 0)
        write.dropJournal()
        #expect(try workshop.scratch.names() == ["a"])
    }
}
