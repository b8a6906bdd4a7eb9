import Segments

/// A writer or a reader for Tests/Chaos/torture.py.
struct Torture {
    private let segment: Segment
    private let memory: UnsafeMutableRawBufferPointer
    private let region: Region
    private var loop: Loop

    /// Works on the first `count` bytes of the buffers, a multiple of 8.
    init(_ segment: Segment, count: Int, quota: Int) {
        self.segment = segment
        memory = .allocate(byteCount: count, alignment: 64)
        region = Region(byteOffset: segment.dataOffset, itemByteCount: count, axes: [])
        loop = Loop(quota: quota)
    }

    /// Fills the whole with one stamp after another, each carrying the number of this writer.
    mutating func write(as number: UInt64, inPlace: Bool) throws {
        while loop.goesOn {
            let stamp = Stamp.word(number << 26 | UInt64(loop.done & 0x3FF_FFFF))
            if inPlace {
                let (start, count) = (segment.dataOffset, memory.count)
                try segment.withWriteLock(until: .never) { lock throws(SegmentError) in
                    try lock.modify(coversWhole: true) { base in
                        Stamp.fill(UnsafeMutableRawBufferPointer(start: base + start, count: count), with: stamp)
                    }
                }.get()
            } else {
                Stamp.fill(memory, with: stamp)
                let bytes = ByteSource(UnsafeRawBufferPointer(memory), release: nil)
                let write = try PreparedWrite(to: segment, regions: [region], bytes: bytes, coversWhole: true)
                _ = try segment.withWriteLock(until: .never) { lock throws(SegmentError) in try lock.commit(write) }
            }
            loop.didOne()
        }
        loop.report(["bytes": loop.done * memory.count])
    }

    /// Takes snapshots and looks whether each is of one stamp, and none older than one that was seen before.
    mutating func read() throws {
        guard let base = memory.baseAddress else { return }
        var (torn, backwards, retries) = (0, 0, 0)
        var last = [UInt64](repeating: 0, count: 64)
        while loop.goesOn {
            let snapshot = try segment.snapshot(region, into: base, until: .never)
            retries += snapshot.retries
            if !snapshot.isDamaged, let stamp = Stamp.of(UnsafeRawBufferPointer(memory)) {
                let writer = Int(stamp >> 26)
                if stamp < last[writer] { backwards += 1 }
                last[writer] = stamp
            } else {
                torn += 1
            }
            loop.didOne()
        }
        let bytes = loop.done * memory.count
        loop.report(["torn": torn, "retries": retries, "backwards": backwards, "bytes": bytes])
    }
}
