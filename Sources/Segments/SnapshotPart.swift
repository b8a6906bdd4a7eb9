/// A region to copy out of a segment, and the private memory that its packed bytes go to.
///
/// The memory stays the caller's.
public struct SnapshotPart {
    /// What is copied.
    public var region: Region
    /// Where it goes: `region.byteCount` bytes of no alignment.
    public var packed: UnsafeMutableRawPointer

    /// A copy of a region into `packed`.
    public init(_ region: Region, into packed: UnsafeMutableRawPointer) {
        self.region = region
        self.packed = packed
    }
}
