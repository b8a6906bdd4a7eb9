import Synchronization
import TestSupport
import Testing

@testable import Segments

@Suite struct SeqlockTests {
    static let count = 1 << 20
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    /// Two writers in turn fill the whole with one byte while readers copy; a copy of two bytes is torn.
    private func compete(
        readers: Int,
        deadline: Deadline,
        _ region: @escaping @Sendable (Segment) -> Region
    ) throws -> Int {
        _ = try workshop.segment(dataBytes: Self.count, filledWith: 0x55)
        let workshop = workshop
        let left = Atomic(readers)
        let retries = Atomic(0)
        try Threads.run(2 + readers) { index in
            let segment = try workshop.load("a")
            if index < 2 {
                let bytes = [UInt8](repeating: index == 0 ? 0x55 : 0xAA, count: Self.count)
                while left.load(ordering: .relaxed) > 0 { try segment.write(bytes, to: segment.run(count: Self.count)) }
                return
            }
            defer { left.subtract(1, ordering: .relaxed) }
            var last: UInt64 = 0
            for _ in 0..<60 {
                let (bytes, snapshot) = try segment.read(region(segment), until: deadline)
                retries.add(snapshot.retries, ordering: .relaxed)
                guard bytes.isUniform, bytes[0] == 0x55 || bytes[0] == 0xAA else { throw Mismatch("a torn copy") }
                guard snapshot.sequence & 1 == 0, snapshot.sequence >= last, !snapshot.isDamaged else {
                    throw Mismatch("sequence \(snapshot.sequence) after \(last)")
                }
                last = snapshot.sequence
            }
        }
        let segment = try workshop.load("a")
        #expect(try segment.sequence() & 1 == 0 && segment.vitals().interruptedWrites == 0)
        return retries.load(ordering: .relaxed)
    }

    @Test("a snapshot never mixes two writes, and writers do make readers try again")
    func neverMixed() throws {
        let before = SnapshotContention.now
        let retries = try compete(readers: 2, deadline: .never) { $0.run(count: Self.count) }
        let after = SnapshotContention.now
        print("seqlock: \(retries) retries")
        #expect(retries > 0)
        // Of the whole process, so at least these.
        #expect(after.discardedCopies - before.discardedCopies >= retries)
    }

    @Test("a snapshot of strided elements never mixes two writes")
    func neverMixedStrided() throws {
        _ = try compete(readers: 2, deadline: .never) { segment in
            Region(
                byteOffset: segment.dataOffset,
                itemByteCount: 4,
                axes: [.init(count: 64, byteStride: 16_384), .init(count: 512, byteStride: 32)]
            )
        }
    }

    @Test("the damage that a snapshot tells of is that of its bytes", arguments: [Deadline.immediate, .never])
    func damageBelongsToBytes(deadline: Deadline) throws {
        let segment = try workshop.segment(dataBytes: 4096)
        let isDone = Atomic(false)
        try Threads.run(2) { index in
            if index == 0 {
                while !isDone.load(ordering: .relaxed) {
                    // A body that throws leaves ones and damage, a write of the whole zeros and none.
                    try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
                        let offset = segment.dataOffset
                        _ = try lock.modify(coversWhole: false) { base throws(Mismatch) -> Void in
                            base.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
                            throw Mismatch("on purpose")
                        }
                    }
                    try segment.write([0], to: segment.run(count: 1), whole: true)
                }
                return
            }
            defer { isDone.store(true, ordering: .relaxed) }
            for _ in 0..<20_000 {
                do {
                    let (bytes, snapshot) = try segment.read(segment.run(count: 1), until: deadline)
                    guard snapshot.isDamaged == (bytes[0] == 1) else { throw Mismatch("\(bytes[0]) \(snapshot)") }
                } catch SegmentError.busy {}
            }
        }
    }

    @Test("an odd sequence under a held lock is busy at the deadline, and never a torn copy")
    func oddIsBusy() throws {
        let segment = try workshop.segment()
        try workshop.file().patch(UInt64(3), at: 64)
        let lock = try ForeignLock(workshop.scratch.path("a"))
        for deadline in [Deadline.immediate, .after(milliseconds: 30)] {
            let error = #expect(throws: SegmentError.self) {
                try Threads.run(1) { _ in _ = try segment.read(segment.run(count: 8), until: deadline) }
            }
            guard case .busy = error else {
                Issue.record("expected busy, got \(String(describing: error))")
                return
            }
        }
        #expect(try segment.vitals().sequence == 3, "describing never waits")
        withExtendedLifetime(lock) {}
    }

    @Test("a held lock with an even sequence does not keep readers waiting")
    func evenIsFree() throws {
        let segment = try workshop.segment(filledWith: 9)
        let lock = try ForeignLock(workshop.scratch.path("a"))
        #expect(try segment.read(segment.run(count: 2)).bytes == [9, 9])
        withExtendedLifetime(lock) {}
    }
}

extension [UInt8] {
    /// Whether all bytes are one.
    fileprivate var isUniform: Bool {
        withUnsafeBytes { bytes in
            guard let first = bytes.first else { return true }
            let words = bytes.bindMemory(to: UInt64.self)
            let expected = UInt64(first) &* 0x0101_0101_0101_0101
            for word in words where word != expected { return false }
            return bytes.count % 8 == 0
        }
    }
}
