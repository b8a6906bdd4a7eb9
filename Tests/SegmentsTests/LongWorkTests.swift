import TestSupport
import Testing

@testable import Segments

/// Long copies pause for what cannot wait.
@Suite struct LongWorkTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    /// How often `body` paused.
    private func pauses(_ body: () throws -> Void) throws -> Int {
        var count = 0
        try LongWork.run(pausing: { count += 1 }, { Result { try body() } }).get()
        return count
    }

    @Test(
        "a copy pauses between every 256 KiB and the next",
        arguments: [(256, 0), (257, 1), (4096, 15), (9216, 35)]
    )
    func run(kibibytes: Int, expected: Int) throws {
        let bytes = (0..<kibibytes << 10).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        let segment = try workshop.segment(dataBytes: bytes.count)
        try segment.write(bytes, to: segment.run(count: bytes.count))
        var copy: [UInt8] = []
        #expect(try pauses { copy = try segment.read(segment.run(count: bytes.count)).bytes } == expected)
        #expect(copy == bytes)
    }

    @Test("a copy of rows pauses between them, and within one that is long")
    func rows() throws {
        let count = 2 << 20
        let segment = try workshop.segment(dataBytes: count)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        try segment.write(bytes, to: segment.run(count: count))
        func read(_ axes: [Region.Axis]) throws -> [UInt8] {
            try segment.read(Region(byteOffset: segment.dataOffset, itemByteCount: 1, axes: axes)).bytes
        }
        var copy: [UInt8] = []
        let short = try pauses {
            copy = try read([.init(count: 1024, byteStride: 2048), .init(count: 1000, byteStride: 2)])
        }
        #expect(short == 3)
        let expected = (0..<1024).flatMap { row in
            let first = row * 2048
            return (0..<1000).map { column in bytes[first + 2 * column] }
        }
        #expect(copy == expected)
        let long = try pauses { copy = try read([.init(count: 1 << 20, byteStride: 2)]) }
        #expect(long == 3)
        #expect(copy == (0..<1 << 20).map { bytes[2 * $0] })
        let places = (0..<1 << 20).map { count - 1 - 2 * $0 }
        let listed = try pauses { copy = try read([.init(count: 1 << 20, byteStride: 0, byteOffsets: places)]) }
        #expect(listed == 3)
        #expect(copy == places.map { bytes[$0] })
    }

    @Test("what is copied counts over all regions, and within what is merged")
    func regions() throws {
        let count = 4 << 20
        let segment = try workshop.segment(dataBytes: count, filledWith: 7)
        let regions = (0..<64).map { segment.run($0 << 16, count: 1 << 16) }
        #expect(try pauses { _ = try segment.read(regions) } == 15)
        let halves = Region(
            byteOffset: segment.dataOffset,
            itemByteCount: 1,
            axes: [.init(count: 2, byteStride: 2 << 20), .init(count: 1 << 20, byteStride: 1)]
        )
        var copy: [UInt8] = []
        #expect(try pauses { copy = try segment.read(halves).bytes } == 7)
        #expect(copy.count == 2 << 20 && copy.allSatisfy { $0 == 7 })
    }

    @Test("nobody pauses under a lock, nor where nobody said how")
    func never() throws {
        let segment = try workshop.segment(dataBytes: 2 << 20)
        let region = segment.run(count: 2 << 20)
        #expect(
            try pauses {
                try segment.withWriteLock(until: .never) { _ throws(SegmentError) in
                    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 << 20, alignment: 1)
                    defer { memory.deallocate() }
                    try segment.gather(region, into: memory.baseAddress ?? .empty)
                }
            } == 0
        )
        #expect(try pauses { LongWork.pause() } == 1)
        _ = try segment.read(region)
        LongWork.pause()
    }
}
