import Glibc
import TestSupport
import Testing

@testable import Segments

/// Writes of hundreds of regions and of long tables, and what is left of them when the writer dies.
@Suite struct ManyRegionsTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    /// Five hundred columns of 64 rows of eight bytes, each followed by 64 bytes that are nobody's.
    private static let columns = (count: 500, byteCount: 512, stepBytes: 576)

    private static func columnRegions(_ segment: Segment) -> [Region] {
        (0..<columns.count).map { column in
            Region(
                byteOffset: segment.dataOffset + column * columns.stepBytes,
                itemByteCount: 8,
                axes: [.init(count: columns.byteCount / 8, byteStride: 8)]
            )
        }
    }

    /// Every other of so many words, from the last to the first, so that no two are neighbours.
    private static func scattered(_ count: Int, _ segment: Segment) -> Region {
        Region(
            byteOffset: segment.dataOffset,
            itemByteCount: 8,
            axes: [.init(count: count, byteStride: 0, byteOffsets: (0..<count).reversed().map { $0 * 16 })]
        )
    }

    private static func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 % 251 + 1) } }

    /// Dies in a write, after the journal and the odd sequence, with a few bytes of the data stored.
    private static func die(_ segment: Segment, _ write: PreparedWrite) throws {
        try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
            try write.storeJournal(sequence: lock.sequence + 1)
            try segment.guarded { mapping throws(MappingFault) in
                try mapping.store(lock.sequence + 1, at: ControlWord.sequence)
                try mapping.store(.max, at: segment.dataOffset)
            }
            kill(getpid(), SIGKILL)
        }
    }

    private var stagedName: String {
        get throws { try #require(try workshop.scratch.names().first { $0.hasPrefix(".shmgate-journal-") }) }
    }

    /// The runs of records without axes, from the start of the segment.
    private func runs(_ regions: [Region]) -> [Range<Int>] {
        JournalRecord.records(of: regions).map { record in
            #expect(record.region.axes.isEmpty)
            return record.region.byteOffset..<(record.region.byteOffset + record.byteCount)
        }
    }

    @Test("entries of a table that follow one another are one record, others are one each")
    func neighbours() {
        func listed(_ offsets: [Int], _ inner: [Region.Axis] = []) -> Region {
            Region(
                byteOffset: 100,
                itemByteCount: 8,
                axes: [.init(count: offsets.count, byteStride: 0, byteOffsets: offsets)] + inner
            )
        }
        #expect(runs([listed([0, 8, 16, 40, 48, 0])]) == [100..<124, 140..<156, 100..<108])
        #expect(runs([listed([16, 8, 0])]) == [116..<124, 108..<116, 100..<108])
        #expect(runs([listed((0..<1_000_000).map { $0 * 8 })]) == [100..<8_000_100])
        let rows = [Region.Axis(count: 3, byteStride: 8)]
        #expect(runs([listed([24, 48, 0], rows)]) == [124..<172, 100..<124])
        // The same word twice: what comes last has to be written last.
        #expect(runs([listed([8, 0, 8])]) == [108..<116, 100..<116])
    }

    @Test("regions that follow one another are one record, with a gap between them they are not")
    func neighbouringRegions() {
        func run(_ range: Range<Int>) -> Region {
            Region(byteOffset: range.lowerBound, itemByteCount: range.count, axes: [])
        }
        #expect(runs([run(0..<8), run(8..<8), run(8..<24), run(32..<40)]) == [0..<24, 32..<40])
        #expect(runs([run(8..<16), run(0..<8)]) == [8..<16, 0..<8])
        let half = Int(UInt32.max) / 2 + 1
        #expect(runs([run(0..<half), run(half..<(2 * half))]).count == 2, "the size of a run is an u32")
        let strided = Region(byteOffset: 8, itemByteCount: 4, axes: [.init(count: 2, byteStride: 8)])
        #expect(JournalRecord.records(of: [run(0..<8), strided, run(24..<32)]).count == 3)
    }

    @Test("neighbours in a table need one record, and so fit into the page with 1968 bytes of data")
    func neighboursInPage() throws {
        let segment = try workshop.segment(dataBytes: 8192)
        let region = Region(
            byteOffset: segment.dataOffset,
            itemByteCount: 8,
            axes: [.init(count: 246, byteStride: 0, byteOffsets: (0..<246).map { $0 * 8 })]
        )
        let bytes = Self.pattern(1968)
        try segment.write(bytes, to: region)
        #expect(try workshop.file().number(at: 2048, as: UInt32.self) == 1)
        #expect(try segment.read(region).bytes == bytes)
    }

    @Test("a write of five hundred regions is one write")
    func manyRegions() throws {
        let segment = try workshop.segment(dataBytes: 500 * 576, filledWith: 0xEE)
        let bytes = Self.pattern(500 * 512)
        let write = try segment.prepare(bytes, to: Self.columnRegions(segment))
        let sequence = try segment.withWriteLock(until: .immediate) { lock throws(SegmentError) in
            try lock.commit(write)
        }
        #expect(sequence == 4)
        try expectColumns(bytes, in: segment)
        #expect(try workshop.scratch.names() == ["a"])
    }

    private func expectColumns(_ bytes: [UInt8], in segment: Segment) throws {
        let (columns, snapshot) = try segment.read(Self.columnRegions(segment), until: .never)
        #expect(Array(columns.joined()) == bytes)
        #expect(!snapshot.isDamaged && snapshot.sequence == 4)
        let all = try segment.read(segment.run(count: 500 * 576)).bytes
        #expect(
            (0..<500).allSatisfy { all[($0 * 576 + 512)..<(($0 + 1) * 576)].allSatisfy { $0 == 0xEE } },
            "what lies between the columns is not touched"
        )
    }

    @Test("a process killed in a write of five hundred regions is finished by the next one")
    func killedInManyRegions() async throws {
        let segment = try workshop.segment(dataBytes: 500 * 576, filledWith: 0xEE)
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = workshop.scratch.path as String] in
            let segment = try SegmentDirectory(path: path).load(SegmentName("a"))
            let write = try segment.prepare(Self.pattern(500 * 512), to: Self.columnRegions(segment))
            try Self.die(segment, write)
        }
        #expect(try segment.sequence() == 3)
        let staged = try workshop.file(stagedName)
        #expect(try staged.number(at: 56, as: UInt64.self) == 500 * 24)
        try expectColumns(Self.pattern(500 * 512), in: segment)
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a process killed in a write of scattered rows is finished by the next one")
    func killedInScatteredRows() async throws {
        let count = 100_000
        let segment = try workshop.segment(dataBytes: count * 16, filledWith: 0xEE)
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = workshop.scratch.path as String, count = count as Int] in
            let segment = try SegmentDirectory(path: path).load(SegmentName("a"))
            let write = try segment.prepare(Self.pattern(count * 8), to: [Self.scattered(count, segment)])
            try Self.die(segment, write)
        }
        #expect(try workshop.file(stagedName).number(at: 56, as: UInt64.self) == UInt64(count * 24))
        let (bytes, snapshot) = try segment.read([Self.scattered(count, segment)], until: .never)
        #expect(bytes[0] == Self.pattern(count * 8))
        #expect(!snapshot.isDamaged && snapshot.sequence == 4)
        #expect(try segment.load(segment.dataOffset + 8, as: UInt64.self) == 0xEEEE_EEEE_EEEE_EEEE)
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("a staged body whose write is prepared twice is written by either", arguments: [0, 1])
    func preparedTwice(which: Int) throws {
        let segment = try workshop.segment(dataBytes: 100_000)
        let bytes = Self.pattern(10_000)
        let file = try StagedFile(for: segment)
        try bytes.withUnsafeBytes { try file.append($0) }
        try file.seal()
        let regions = [segment.run(count: 10_000), segment.run(50_000, count: 10_000)]
        let writes = try regions.map {
            try PreparedWrite(to: segment, regions: [$0], bytes: file.source(0..<10_000), coversWhole: false)
        }
        try writes[which].storeJournal(sequence: 3)
        try workshop.file().patch(UInt64(3), at: 64)
        #expect(try segment.read(regions[which], until: .never).bytes == bytes)
        #expect(try segment.read(regions[1 - which]).bytes == [UInt8](repeating: 0, count: 10_000))
        #expect(try !segment.vitals().isDamaged)
        withExtendedLifetime(writes) {}
    }
}
