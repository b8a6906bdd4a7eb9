internal import Glibc
internal import Layouts
internal import Representations
internal import Segments

/// The bytes of a chunk: a run of the array's own, and fill values behind them.
struct ZarrChunkBytes {
    let open: OpenSegment
    private let array: ZarrArray
    private let chunk: ZarrChunk
    private let fill: [UInt8]

    init(_ array: ZarrArray, _ chunk: ZarrChunk, _ version: ZarrVersion, _ open: OpenSegment) {
        self.array = array
        self.chunk = chunk
        self.open = open
        fill = array.fill(version).bytes
    }

    private var itemByteCount: Int { array.type.stored.byteCount }
    /// All bytes of the chunk.
    var count: Int { chunk.paddedCount * itemByteCount }
    /// Those that are the array's own, at the front.
    var ownCount: Int { chunk.elementCount * itemByteCount }
    /// Whether they never change.
    var isFixed: Bool { array.isReadOnly }

    /// Bytes that have to be made before a run of them can be copied.
    var scratchByteCount: Int {
        switch array.source {
        case .values, .labels: 0
        case .range, .texts: ownCount.multipliedClamped(by: 2)
        }
    }

    /// The number of the array in the segment that can be written, and where in the segment the chunk is.
    var place: (array: Int, region: Region)? {
        guard case .values(let number) = array.source else { return nil }
        return (number, region(number, 0..<ownCount))
    }

    /// Whether it is all that can be written of the segment.
    var coversWhole: Bool {
        guard case .values(let number) = array.source else { return false }
        return open.header.layout.writableArrays == [number] && ownCount == open.header.arrays[number].byteCount
    }

    /// So many fill values as there are elements.
    func fillOwn(_ target: UnsafeMutableRawBufferPointer) { target.fill(repeating: fill, phase: 0) }

    /// Copies a run of the bytes; the snapshot says of which state they are, nil for what never changes.
    func copy(
        _ range: Range<Int>,
        into target: UnsafeMutableRawPointer,
        until deadline: Deadline
    ) throws -> Snapshot? {
        let own = range.clamped(to: 0..<ownCount)
        let padding = UnsafeMutableRawBufferPointer(start: target + own.count, count: range.count - own.count)
        padding.fill(repeating: fill, phase: max(range.lowerBound, ownCount) % max(itemByteCount, 1))
        switch array.source {
        case .values(let number):
            let parts = own.isEmpty ? [] : [SnapshotPart(region(number, own), into: target)]
            return try open.segment.snapshot(parts, until: deadline)
        case .labels(let number):
            if !own.isEmpty { try open.segment.gather(region(number, own), into: target) }
        case .range, .texts:
            if own.isEmpty { return nil }
            try made().withUnsafeBytes { bytes in
                target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[own]).baseAddress ?? UnsafeRawPointer(target),
                    byteCount: own.count
                )
            }
        }
        return nil
    }

    private func region(_ number: Int, _ run: Range<Int>) -> Region {
        let start = open.header.arrays[number].byteOffset + chunk.firstElement * itemByteCount
        return Region(byteOffset: start + run.lowerBound, itemByteCount: run.count, axes: [])
    }

    /// Labels that do not stand in the segment as Zarr has them.
    private func made() throws -> [UInt8] {
        let elements = chunk.firstElement..<(chunk.firstElement + chunk.elementCount)
        switch array.source {
        case .range(let start, let step):
            return elements.map { Int64(start + $0 * step).littleEndian }.withUnsafeBytes { Array($0) }
        case .texts(let contents, let first):
            let index = open.index(contents, first)
            let width = itemByteCount / 4
            var codes = [UInt32](repeating: 0, count: elements.count * width)
            for (row, element) in elements.enumerated() {
                for (column, scalar) in try index.string(at: element).unicodeScalars.prefix(width).enumerated() {
                    codes[row * width + column] = scalar.value.littleEndian
                }
            }
            return codes.withUnsafeBytes { Array($0) }
        case .values, .labels: preconditionFailure("these are copied from the segment")
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Repeats a pattern, beginning in the middle of it.
    func fill(repeating pattern: [UInt8], phase: Int) {
        guard let base = baseAddress, count > 0, let first = pattern.first else { return }
        if pattern.allSatisfy({ $0 == first }) {
            memset(base, Int32(first), count)
            return
        }
        var done = Swift.min(count, pattern.count)
        for place in 0..<done { self[place] = pattern[(phase + place) % pattern.count] }
        while done < count {
            let step = Swift.min(done, count - done)
            memcpy(base + done, base, step)
            done += step
        }
    }
}
