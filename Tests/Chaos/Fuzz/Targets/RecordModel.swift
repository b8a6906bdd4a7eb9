/// What the records of a journal do to the buffers, redone here from the format's table alone.
///
/// All arithmetic is wide enough not to overflow. Nil where a record leaves the buffers, its data or the records.
struct RecordModel {
    /// The records, with their data between them if there is no staged file.
    let records: [UInt8]
    /// The staged file that the data lie in; nil for a journal in the page.
    let staged: [UInt8]?
    /// Where the buffers lie in the segment.
    let range: Range<Int>

    /// The buffers after all records.
    func redo(onto buffers: [UInt8]) -> [UInt8]? {
        var buffers = buffers
        var next = 0
        while next < records.count {
            let rank = Int(records.number(next + 8, as: UInt32.self))
            let head = 16 + 16 * rank
            guard rank <= 64, next + head <= records.count else { return nil }
            var record = Record(
                offset: Int128(records.number(next, as: UInt64.self)) - Int128(range.lowerBound),
                itemBytes: Int128(records.number(next + 12, as: UInt32.self)),
                extents: (0..<rank).map { Int128(records.number(next + 16 + 8 * $0, as: UInt64.self)) },
                strides: (0..<rank).map { Int128(records.number(next + 16 + 8 * (rank + $0), as: Int64.self)) }
            )
            next += head
            if let staged {
                guard next + 8 <= records.count else { return nil }
                record.data = staged.dropFirst(Int(clamping: records.number(next, as: UInt64.self)))
                next += 8
                guard record.redo(onto: &buffers) != nil else { return nil }
            } else {
                record.data = records.dropFirst(next)
                guard let count = record.redo(onto: &buffers) else { return nil }
                next += count
            }
        }
        return buffers
    }
}

/// One record: elements of `itemBytes` at the crossings of some axes.
private struct Record {
    let offset: Int128
    let itemBytes: Int128
    let extents: [Int128]
    let strides: [Int128]
    var data: ArraySlice<UInt8> = []

    /// Stores the data in the buffers; gives how many bytes they are, or nil if one has no place.
    func redo(onto buffers: inout [UInt8]) -> Int? {
        var count = itemBytes
        for extent in extents {
            // No factor is larger than 2^64, and beyond this no data are that long.
            count *= extent
            if count > 1 << 40 { return nil }
        }
        guard count > 0, count <= data.count else { return nil }
        var rest = data
        return store(onto: &buffers, from: &rest, at: offset, axis: 0) ? Int(count) : nil
    }

    private func store(
        onto buffers: inout [UInt8],
        from rest: inout ArraySlice<UInt8>,
        at place: Int128,
        axis: Int
    ) -> Bool {
        guard axis < extents.count else {
            guard place >= 0, place + itemBytes <= buffers.count else { return false }
            let (start, size) = (Int(place), Int(itemBytes))
            buffers.replaceSubrange(start..<start + size, with: rest.prefix(size))
            rest = rest.dropFirst(size)
            return true
        }
        for index in 0..<extents[axis]
        where !store(onto: &buffers, from: &rest, at: place + index * strides[axis], axis: axis + 1) {
            return false
        }
        return true
    }
}
