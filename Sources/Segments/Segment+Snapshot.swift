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

    /// Copies a region into `packed` (of `region.byteCount` bytes) as one untorn snapshot.
    ///
    /// Tries without a lock first; when writers keep the segment busy it takes the lock shared, waiting until
    /// `deadline`. With ``Deadline/immediate`` it does not wait and is ``SegmentError/busy(_:)``.
    public func snapshot(
        _ region: Region,
        into packed: UnsafeMutableRawPointer,
        until deadline: Deadline
    ) throws(SegmentError) -> Snapshot {
        precondition(contains(region), "a region lies inside the buffers of its segment")
        var sequence: UInt64 = 0
        var retries: Int32 = 0
        let code = region.withCRegion(packed: packed) {
            shmgate_snapshot(mapping.base, $0, 1, Self.tries(for: region.byteCount), &sequence, &retries)
        }
        switch code {
        case 0: return Snapshot(sequence: sequence, isDamaged: try isDamaged(), retries: Int(retries))
        case EAGAIN: break
        default: throw MappingFault().error(name)
        }
        if deadline.monotonicNs == 0 { throw .busy("writers keep the segment \(name) busy") }
        return try lockedSnapshot(region, into: packed, until: deadline, retries: Int(retries))
    }

    /// Copies a region without any claim to consistency.
    package func gather(_ region: Region, into packed: UnsafeMutableRawPointer) throws(SegmentError) {
        try guarded { mapping throws(MappingFault) in try mapping.gather(region, into: packed) }
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
