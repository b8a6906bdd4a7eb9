/// One strided piece of a journaled write: where its bytes belong, and where they are.
///
/// | type | field |
/// |---|---|
/// | u64 | offset in the segment |
/// | u32 | rank |
/// | u32 | itemsize |
/// | u64 × rank | shape |
/// | i64 × rank | strides in bytes |
/// | | in the page: the bytes; in a staged file: u64, their offset in that file |
struct JournalRecord {
    /// The target; its axes have strides, never tables.
    var region: Region
    /// Where its packed bytes start: in the payload, or in the staged file.
    var dataOffset = 0

    /// Bytes of the record without its data.
    var headBytes: Int { 16 + 16 * region.axes.count }
    /// Bytes of data.
    var byteCount: Int { region.byteCount }

    /// Redoes this piece, in the segment or a copy of it, from the bytes that `dataOffset` counts in.
    func redo(onto target: borrowing Mapping, from bytes: UnsafeRawBufferPointer) throws(MappingFault) {
        guard let base = bytes.baseAddress, byteCount > 0 else { return }
        try target.scatter(region, from: base + dataOffset)
    }
}

extension JournalRecord {
    /// The records of some regions, in the order of their packed bytes.
    static func records(of regions: [Region]) -> [JournalRecord] {
        regions.flatMap { region -> [JournalRecord] in
            if region.byteCount == 0 { return [] }
            let lastTable = region.axes.lastIndex { $0.byteOffsets != nil }
            let inner = (lastTable ?? -1) + 1
            var offsets = [region.byteOffset]
            for axis in region.axes[..<inner] {
                offsets = offsets.flatMap { offset in
                    (0..<axis.count).map { offset + (axis.byteOffsets?[$0] ?? $0 * axis.byteStride) }
                }
            }
            let piece = merged(
                Region(
                    byteOffset: 0,
                    itemByteCount: region.itemByteCount,
                    axes: Array(region.axes[inner...])
                )
            )
            return offsets.map { offset in
                var region = piece
                region.byteOffset = offset
                return JournalRecord(region: region)
            }
        }
    }

    /// The same bytes with the fewest axes: those of one element dropped, contiguous ones drawn into the element.
    private static func merged(_ region: Region) -> Region {
        var result = region
        result.axes = region.axes.filter { $0.count != 1 }
        while let last = result.axes.last, last.byteStride == result.itemByteCount,
            UInt32(exactly: last.count * result.itemByteCount) != nil
        {
            result.itemByteCount *= last.count
            result.axes.removeLast()
        }
        return result
    }

    /// The payload of kind 1: each record with its bytes.
    static func encode(_ records: [JournalRecord], inline bytes: ByteSource) -> [UInt8] {
        var payload: [UInt8] = []
        var next = bytes.base
        for record in records {
            record.appendHead(to: &payload)
            payload.append(contentsOf: UnsafeRawBufferPointer(start: next, count: record.byteCount))
            next += record.byteCount
        }
        return payload
    }

    /// The records of a staged file whose packed bytes start at `dataOffset`.
    static func encode(_ records: [JournalRecord], dataOffset: Int) -> [UInt8] {
        var payload: [UInt8] = []
        var next = dataOffset
        for record in records {
            record.appendHead(to: &payload)
            payload.append(UInt64(next))
            next += record.byteCount
        }
        return payload
    }

    private func appendHead(to payload: inout [UInt8]) {
        payload.append(UInt64(region.byteOffset))
        payload.append(UInt32(region.axes.count))
        payload.append(UInt32(region.itemByteCount))
        for axis in region.axes { payload.append(UInt64(axis.count)) }
        for axis in region.axes { payload.append(Int64(axis.byteStride)) }
    }
}

extension JournalRecord {
    /// Reads records that another process wrote; nil if any of them leaves the buffers of the segment or its data.
    ///
    /// `dataIn` is the size of the staged file; nil says that the data stand inline.
    static func decode(_ payload: [UInt8], dataIn fileBytes: Int?, for segment: Segment) -> [JournalRecord]? {
        var records: [JournalRecord] = []
        var reader = PayloadReader(bytes: payload)
        while !reader.isAtEnd {
            guard let offset = reader.word(), let rank = reader.half(), let itemBytes = reader.half(), rank <= 64,
                let byteOffset = Int(exactly: offset)
            else { return nil }
            var axes: [Region.Axis] = []
            var byteCount = Int(itemBytes)
            for _ in 0..<rank {
                guard let extent = reader.word(), let count = Int(exactly: extent), count > 0 else { return nil }
                let (product, overflow) = byteCount.multipliedReportingOverflow(by: count)
                if overflow { return nil }
                byteCount = product
                axes.append(Region.Axis(count: count, byteStride: 0))
            }
            for index in axes.indices {
                guard let stride = reader.word() else { return nil }
                axes[index].byteStride = Int(Int64(bitPattern: stride))
            }
            let region = Region(byteOffset: byteOffset, itemByteCount: Int(itemBytes), axes: axes)
            guard stays(region, in: segment) else { return nil }
            var record = JournalRecord(region: region)
            if let fileBytes {
                guard let data = reader.word(), let start = Int(exactly: data), start <= fileBytes,
                    byteCount <= fileBytes - start
                else { return nil }
                record.dataOffset = start
            } else {
                record.dataOffset = reader.offset
                guard reader.skip(byteCount) else { return nil }
            }
            records.append(record)
        }
        return records
    }

    /// Whether a region whose numbers nobody has vouched for lies inside the buffers, without overflow on the way.
    private static func stays(_ region: Region, in segment: Segment) -> Bool {
        var low = region.byteOffset
        var high = region.byteOffset
        for axis in region.axes {
            let (reach, overflow) = (axis.count - 1).multipliedReportingOverflow(by: axis.byteStride)
            if overflow { return false }
            let (bound, outside) = (reach < 0 ? low : high).addingReportingOverflow(reach)
            if outside { return false }
            if reach < 0 { low = bound } else { high = bound }
        }
        let (end, overflow) = high.addingReportingOverflow(region.itemByteCount)
        return !overflow && low >= segment.dataOffset && end <= segment.totalBytes
    }
}

/// Takes little-endian numbers off the front of bytes that may end anywhere.
private struct PayloadReader {
    let bytes: [UInt8]
    var offset = 0

    var isAtEnd: Bool { offset == bytes.count }

    mutating func word() -> UInt64? { take(8).map { $0.reversed().reduce(0) { $0 << 8 | UInt64($1) } } }

    mutating func half() -> UInt32? { take(4).map { $0.reversed().reduce(0) { $0 << 8 | UInt32($1) } } }

    mutating func skip(_ count: Int) -> Bool { take(count) != nil }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= bytes.count - offset else { return nil }
        defer { offset += count }
        return bytes[offset..<(offset + count)]
    }
}

extension [UInt8] {
    /// Appends a number's little-endian bytes.
    mutating func append(_ number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}
