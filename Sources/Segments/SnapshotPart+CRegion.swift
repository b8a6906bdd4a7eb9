internal import CSegment

extension Collection where Element == SnapshotPart {
    /// Calls `body` with the C form of the regions, valid during the call; there may be none.
    func withCRegions<R>(_ body: (UnsafePointer<shmgate_region>?, Int32) -> R) -> R {
        let axisCount = reduce(0) { $0 + $1.region.axes.count }
        let offsetCount = reduce(0) { $1.region.axes.reduce($0) { $0 + ($1.byteOffsets?.count ?? 0) } }
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: offsetCount) { offsets in
            withUnsafeTemporaryAllocation(of: shmgate_axis.self, capacity: axisCount) { axes in
                withUnsafeTemporaryAllocation(of: shmgate_region.self, capacity: count) { regions in
                    var form = CRegions(offsets: offsets, axes: axes)
                    for (index, part) in enumerated() {
                        regions.initializeElement(at: index, to: form.add(part.region, packed: part.packed))
                    }
                    return body(UnsafePointer(regions.baseAddress), Int32(count))
                }
            }
        }
    }
}

/// Memory for the axes of some C regions and their tables, used up from its front.
private struct CRegions {
    let offsets: UnsafeMutableBufferPointer<Int64>
    let axes: UnsafeMutableBufferPointer<shmgate_axis>
    private var offsetCount = 0
    private var axisCount = 0

    init(offsets: UnsafeMutableBufferPointer<Int64>, axes: UnsafeMutableBufferPointer<shmgate_axis>) {
        self.offsets = offsets
        self.axes = axes
    }

    mutating func add(_ region: Region, packed: UnsafeMutableRawPointer) -> shmgate_region {
        let firstAxis = axisCount
        for axis in region.axes {
            let table = axis.byteOffsets.map { add($0) }
            axes.initializeElement(
                at: axisCount,
                to: shmgate_axis(count: Int64(axis.count), stride: Int64(axis.byteStride), offsets: table ?? nil)
            )
            axisCount += 1
        }
        return shmgate_region(
            offset: Int64(region.byteOffset),
            item_bytes: Int64(region.itemByteCount),
            rank: Int32(region.axes.count),
            axes: axes.baseAddress.map { UnsafePointer($0 + firstAxis) },
            packed: packed.assumingMemoryBound(to: UInt8.self)
        )
    }

    private mutating func add(_ table: [Int]) -> UnsafePointer<Int64>? {
        let start = offsets.baseAddress.map { UnsafePointer($0 + offsetCount) }
        for offset in table {
            offsets.initializeElement(at: offsetCount, to: Int64(offset))
            offsetCount += 1
        }
        return start
    }
}

extension Region {
    /// Copies the region out of private memory that offsets count from; the caller has checked that it lies inside.
    package func gather(from bytes: UnsafeRawBufferPointer, into packed: UnsafeMutableRawPointer) {
        guard let base = bytes.baseAddress else { return }
        precondition(
            extent.map { $0.lowerBound >= 0 && $0.upperBound <= bytes.count } ?? true,
            "a region lies inside the memory that it is gathered from"
        )
        _ = CollectionOfOne(SnapshotPart(self, into: packed)).withCRegions { shmgate_gather(base, $0, $1) }
    }
}
