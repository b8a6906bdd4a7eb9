internal import CSegment

extension Mapping {
    /// Copies regions, which lie inside, out, without any claim to consistency.
    func gather(_ parts: [SnapshotPart]) throws(MappingFault) {
        let code = parts.withCRegions { shmgate_gather(base, $0, $1) }
        if code != 0 { throw MappingFault() }
    }

    /// Copies packed bytes into a region, which lies inside.
    func scatter(_ region: Region, from packed: UnsafeRawPointer) throws(MappingFault) {
        var next = UnsafeMutableRawPointer(mutating: packed)
        for piece in Failpoint.pieces(of: region) {
            let part = SnapshotPart(piece, into: next)
            let code = CollectionOfOne(part).withCRegions { shmgate_scatter(base, $0, $1) }
            if code != 0 { throw MappingFault() }
            next += piece.byteCount
            Failpoint.pass("data")
        }
    }
}
