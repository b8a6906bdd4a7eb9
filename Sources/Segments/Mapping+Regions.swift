internal import CSegment

extension Mapping {
    /// Copies a region, which lies inside, out into `packed`, without any claim to consistency.
    func gather(_ region: Region, into packed: UnsafeMutableRawPointer) throws(MappingFault) {
        let code = region.withCRegion(packed: packed) { shmgate_gather(base, $0, 1) }
        if code != 0 { throw MappingFault() }
    }

    /// Copies packed bytes into a region, which lies inside.
    func scatter(_ region: Region, from packed: UnsafeRawPointer) throws(MappingFault) {
        let code = region.withCRegion(packed: UnsafeMutableRawPointer(mutating: packed)) {
            shmgate_scatter(base, $0, 1)
        }
        if code != 0 { throw MappingFault() }
    }
}
