internal import CSegment

extension Segment {
    /// Copies packed bytes into a region; the lock is held and the sequence odd, or nobody else has the segment yet.
    func scatter(_ region: Region, from packed: UnsafeRawPointer) throws(SegmentError) {
        let code = region.withCRegion(packed: UnsafeMutableRawPointer(mutating: packed)) {
            shmgate_scatter(mapping.base, $0, 1)
        }
        if code != 0 { throw MappingFault().error(name) }
    }
}
