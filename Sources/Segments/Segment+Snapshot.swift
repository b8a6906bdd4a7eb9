internal import CSegment
internal import Glibc

/// What a snapshot was taken of.
public struct Snapshot: Sendable {
    /// The even sequence that all its bytes belong to.
    public var sequence: UInt64
    /// Whether the segment holds a half write.
    public var isDamaged: Bool
    /// Copies thrown away because a writer was faster.
    public var retries: Int
}

extension Segment {
    /// How often the seqlock is tried before the reader takes the lock; a large copy is dear to throw away.
    private static func tries(for byteCount: Int) -> Int32 { byteCount <= 64 << 10 ? 16 : 3 }

    /// Copies regions into private memory as one untorn snapshot: all bytes belong to one sequence.
    ///
    /// Tries without a lock first; when writers keep the segment busy it takes the lock shared, waiting until
    /// `deadline`. With ``Deadline/immediate`` it does not wait and is ``SegmentError/busy(_:)``. Without any parts it
    /// tells the sequence alone.
    public func snapshot(_ parts: [SnapshotPart], until deadline: Deadline) throws(SegmentError) -> Snapshot {
        precondition(parts.allSatisfy { contains($0.region) }, "a region lies inside the buffers of its segment")
        let byteCount = parts.reduce(0) { $0 + $1.region.byteCount }
        var sequence: UInt64 = 0
        var damaged: UInt64 = 0
        var retries: Int32 = 0
        let code = parts.withCRegions {
            shmgate_snapshot(mapping.base, $0, $1, Self.tries(for: byteCount), &sequence, &damaged, &retries)
        }
        SnapshotContention.discardedCopies(Int(retries))
        switch code {
        case 0: return Snapshot(sequence: sequence, isDamaged: damaged != 0, retries: Int(retries))
        case EAGAIN: break
        default: throw MappingFault().error(name)
        }
        if deadline.monotonicNs == 0 { throw .busy("writers keep the segment \(name) busy") }
        SnapshotContention.tookLock()
        return try lockedSnapshot(parts, until: deadline, retries: Int(retries))
    }

    /// Copies one region into `packed` (of `region.byteCount` bytes); else as ``snapshot(_:until:)``.
    public func snapshot(
        _ region: Region,
        into packed: UnsafeMutableRawPointer,
        until deadline: Deadline
    ) throws(SegmentError) -> Snapshot {
        try snapshot([SnapshotPart(region, into: packed)], until: deadline)
    }

    /// Copies regions without any claim to consistency; under the write lock they are consistent all the same.
    package func gather(_ parts: [SnapshotPart]) throws(SegmentError) {
        precondition(parts.allSatisfy { contains($0.region) }, "a region lies inside the buffers of its segment")
        try guarded { mapping throws(MappingFault) in try mapping.gather(parts) }
    }

    /// Copies one region into `packed`; else as ``gather(_:)``.
    package func gather(_ region: Region, into packed: UnsafeMutableRawPointer) throws(SegmentError) {
        try gather([SnapshotPart(region, into: packed)])
    }

    /// Whether all that the region touches are bytes of the buffers.
    func contains(_ region: Region) -> Bool {
        guard let extent = region.extent else { return true }
        return extent.lowerBound >= dataOffset && extent.upperBound <= totalBytes
    }

    /// Whether the segment holds a half write.
    func isDamaged() throws(SegmentError) -> Bool {
        try guarded { mapping throws(MappingFault) in try mapping.load(ControlWord.damaged) != 0 }
    }
}
