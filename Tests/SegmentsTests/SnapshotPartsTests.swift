import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Segments

/// Several regions under one sequence, and single values.
@Suite struct SnapshotPartsTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func counting(_ count: Int) throws -> Segment {
        let segment = try workshop.segment(dataBytes: count)
        try segment.write((0..<count).map { UInt8(truncatingIfNeeded: $0) }, to: segment.run(count: count))
        return segment
    }

    @Test("a snapshot of several regions has the bytes of each, strided, listed, empty and repeated ones too")
    func severalRegions() throws {
        let segment = try counting(200)
        let start = segment.dataOffset
        let regions = [
            segment.run(3, count: 5),
            Region(byteOffset: start + 20, itemByteCount: 2, axes: [.init(count: 3, byteStride: -4)]),
            Region(byteOffset: start, itemByteCount: 8, axes: [.init(count: 0, byteStride: 8)]),
            Region(
                byteOffset: start,
                itemByteCount: 1,
                axes: [
                    .init(count: 2, byteStride: 0, byteOffsets: [100, 50]), .init(count: 2, byteStride: 10),
                    .init(count: 3, byteStride: 0, byteOffsets: [2, 1, 0]),
                ]
            ),
            segment.run(3, count: 5),
        ]
        let (bytes, snapshot) = try segment.read(regions)
        #expect(bytes[0] == [3, 4, 5, 6, 7] && bytes[4] == bytes[0])
        #expect(bytes[1] == [20, 21, 16, 17, 12, 13])
        #expect(bytes[2] == [])
        #expect(bytes[3] == [102, 101, 100, 112, 111, 110, 52, 51, 50, 62, 61, 60])
        #expect(snapshot.sequence == 4 && !snapshot.isDamaged && snapshot.retries == 0)
        for (region, expected) in zip(regions, bytes) { #expect(try segment.read(region).bytes == expected) }
    }

    @Test(
        "a run larger than the caches arrives whole, wherever it begins and ends",
        arguments: [(0, 0), (1, 3), (63, 65)]
    )
    func longRun(start: Int, cut: Int) throws {
        let total = 9 << 20
        let segment = try workshop.segment(dataBytes: total)
        let bytes = (0..<total).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        try segment.write(bytes, to: segment.run(count: total))
        let count = total - start - cut
        let region = segment.run(start, count: count)
        for shift in [0, 5] {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count + shift + 1, alignment: 64)
            defer { memory.deallocate() }
            memory[shift + count] = 0xA5
            let packed = try #require(memory.baseAddress) + shift
            _ = try segment.snapshot(region, into: packed, until: .immediate)
            let isSame = bytes.withUnsafeBytes {
                UnsafeRawBufferPointer(rebasing: $0[start..<(start + count)])
                    .elementsEqual(UnsafeRawBufferPointer(rebasing: memory[shift..<(shift + count)]))
            }
            #expect(isSame && memory[shift + count] == 0xA5)
        }
    }

    @Test("a run that ends anywhere in memory at any address changes nothing behind it", arguments: [1, 8, 63, 65])
    func endOfLongRun(more: Int) throws {
        let count = 8 << 20 + more
        let segment = try workshop.segment(dataBytes: count, filledWith: 7)
        let total = count + 64 + 512
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: total, alignment: 64)
        defer { memory.deallocate() }
        let base = try #require(memory.baseAddress)
        for shift in [0, 1, 28, 48, 63] {
            memory.initializeMemory(as: UInt8.self, repeating: 0xA5)
            _ = try segment.snapshot(segment.run(count: count), into: base + shift, until: .immediate)
            var expected = [UInt8](repeating: 0xA5, count: total)
            expected.withUnsafeMutableBytes { _ = $0.baseAddress.map { memset($0 + shift, 7, count) } }
            #expect(memcmp(base, expected, total) == 0, "at \(shift)")
        }
    }

    @Test("a snapshot of no region tells the sequence, and waits for it as any other")
    func noRegion() throws {
        let segment = try counting(8)
        #expect(try segment.snapshot([], until: .immediate).sequence == 4)
        try workshop.file().patch(UInt64(5), at: 64)
        let error = #expect(throws: SegmentError.self) { try segment.snapshot([], until: .immediate) }
        guard case .busy = error else {
            Issue.record("expected busy, got \(String(describing: error))")
            return
        }
        let snapshot = try segment.snapshot([], until: .after(milliseconds: 60_000))
        #expect(snapshot.sequence == 6 && snapshot.isDamaged)
    }

    @Test("five hundred regions are one snapshot, which never mixes two writes", arguments: [false, true])
    func neverMixed(listed: Bool) throws {
        let (columns, rows) = (500, 64)
        let count = columns * rows * 8
        _ = try workshop.segment(dataBytes: count, filledWith: 0x55)
        let workshop = workshop
        let isDone = Atomic(false)
        try Threads.run(3) { index in
            let segment = try workshop.load("a")
            if index < 2 {
                let bytes = [UInt8](repeating: index == 0 ? 0x55 : 0xAA, count: count)
                while !isDone.load(ordering: .relaxed) { try segment.write(bytes, to: segment.run(count: count)) }
                return
            }
            defer { isDone.store(true, ordering: .relaxed) }
            let rowOffsets = listed ? (0..<rows).reversed().map { $0 * 8 } : nil
            let regions = (0..<columns).map { column in
                Region(
                    byteOffset: segment.dataOffset + column * rows * 8,
                    itemByteCount: 8,
                    axes: [.init(count: rows, byteStride: 8, byteOffsets: rowOffsets)]
                )
            }
            for _ in 0..<40 {
                let (bytes, _) = try segment.read(regions, until: .never)
                let first = bytes[0][0]
                guard first == 0x55 || first == 0xAA, bytes.allSatisfy({ $0.allSatisfy { $0 == first } }) else {
                    throw Mismatch("a torn copy")
                }
            }
        }
    }

    @Test("one value is loaded at any alignment, and only from the buffers")
    func load() async throws {
        let segment = try counting(4096)
        let start = segment.dataOffset
        #expect(try segment.load(start, as: UInt8.self) == 0)
        #expect(try segment.load(start + 1, as: UInt32.self) == 0x0403_0201)
        #expect(try segment.load(start + 3, as: Int64.self) == 0x0A09_0807_0605_0403)
        #expect(try segment.load(segment.totalBytes - 8, as: UInt64.self) == 0xFFFE_FDFC_FBFA_F9F8)
        #expect(try segment.load(start, as: SIMD4<UInt8>.self) == [0, 1, 2, 3])
        for offset in [start - 1, segment.totalBytes - 7, Int.min, Int.max] {
            await #expect(processExitsWith: .failure) {
                [path = workshop.scratch.path as String, offset = offset as Int] in
                _ = try SegmentDirectory(path: path).load(SegmentName("a")).load(offset, as: UInt64.self)
            }
        }
    }

    @Test("a value of a page that is gone is an error")
    func loadTruncated() throws {
        let segment = try counting(4096)
        try workshop.file().truncate(to: segment.dataOffset)
        let error = #expect(throws: SegmentError.self) { try segment.load(segment.dataOffset, as: Double.self) }
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }
}
