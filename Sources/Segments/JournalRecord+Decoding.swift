extension JournalRecord {
    /// Reads records that another process wrote; nil if any of them leaves the buffers of the segment or its data.
    ///
    /// `dataIn` is the staged file; nil says that the data stand inline. All records together have no more bytes than
    /// the file holds, for records that share their bytes, or use the holes of a sparse file, are work without end.
    static func decode(_ payload: [UInt8], dataIn file: FileStatus?, for segment: Segment) -> [JournalRecord]? {
        payload.withUnsafeBytes { decode(PayloadReader($0), dataIn: file, for: segment) }
    }

    private static func decode(
        _ start: PayloadReader,
        dataIn file: FileStatus?,
        for segment: Segment
    ) -> [JournalRecord]? {
        var reader = start
        var left = file?.heldBytes ?? Int.max
        var records: [JournalRecord] = []
        while !reader.isAtEnd {
            guard let offset = reader.take(UInt64.self), let rank = reader.take(UInt32.self),
                let itemBytes = reader.take(UInt32.self), itemBytes > 0, rank <= 64,
                let byteOffset = Int(exactly: offset)
            else { return nil }
            var axes: [Region.Axis] = []
            var byteCount = Int(itemBytes)
            for _ in 0..<rank {
                guard let extent = reader.take(UInt64.self), let count = Int(exactly: extent), count > 0 else {
                    return nil
                }
                let (product, overflow) = byteCount.multipliedReportingOverflow(by: count)
                if overflow { return nil }
                byteCount = product
                axes.append(Region.Axis(count: count, byteStride: 0))
            }
            for index in axes.indices {
                guard let stride = reader.take(Int64.self) else { return nil }
                axes[index].byteStride = Int(stride)
            }
            let region = Region(byteOffset: byteOffset, itemByteCount: Int(itemBytes), axes: axes)
            guard stays(region, in: segment) else { return nil }
            var record = JournalRecord(region: region)
            guard byteCount <= left else { return nil }
            left -= byteCount
            if let file {
                guard let data = reader.take(UInt64.self), let start = Int(exactly: data), start <= file.size,
                    byteCount <= file.size - start
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
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func take<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) -> Number? {
        let start = offset
        guard skip(MemoryLayout<Number>.size) else { return nil }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: type))
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count <= bytes.count - offset else { return false }
        offset += count
        return true
    }
}
