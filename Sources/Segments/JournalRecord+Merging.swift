extension JournalRecord {
    /// The records of some regions, in the order of their packed bytes.
    ///
    /// A table makes one for each of its elements, but bytes that follow one another, in the segment as in packed form,
    /// are one run, also from region to region. So a million scattered rows are a million records, and a million
    /// neighbours are one.
    static func records(of regions: [Region]) -> [JournalRecord] {
        var records: [JournalRecord] = []
        for region in regions where region.byteCount > 0 {
            let inner = (region.axes.lastIndex { $0.byteOffsets != nil } ?? -1) + 1
            let piece = merged(
                Region(byteOffset: 0, itemByteCount: region.itemByteCount, axes: Array(region.axes[inner...]))
            )
            forEachOffset(of: region.axes[..<inner], from: region.byteOffset) { append(piece, at: $0, to: &records) }
        }
        return records
    }

    /// Calls `body` with the offset of each crossing of the axes, in C order.
    private static func forEachOffset(of axes: ArraySlice<Region.Axis>, from offset: Int, _ body: (Int) -> Void) {
        guard let axis = axes.first else { return body(offset) }
        let inner = axes.dropFirst()
        if let table = axis.byteOffsets {
            for step in table { forEachOffset(of: inner, from: offset + step, body) }
        } else {
            for index in 0..<axis.count { forEachOffset(of: inner, from: offset + index * axis.byteStride, body) }
        }
    }

    /// Adds a piece, to the record before it where both are one run.
    private static func append(_ piece: Region, at byteOffset: Int, to records: inout [JournalRecord]) {
        if piece.axes.isEmpty, let last = records.indices.last {
            let run = records[last].region
            let byteCount = run.itemByteCount + piece.itemByteCount
            if run.axes.isEmpty, run.byteOffset + run.itemByteCount == byteOffset, UInt32(exactly: byteCount) != nil {
                records[last].region.itemByteCount = byteCount
                return
            }
        }
        var region = piece
        region.byteOffset = byteOffset
        records.append(JournalRecord(region: region))
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
}
