/// A segment that nobody maps and that nobody has written to for long.
package struct Orphan: Sendable {
    /// Its name.
    package let name: SegmentName
    /// The incarnation that was found.
    package let uuid: UUID
    /// The sequence that was found; odd if its writer lives, or died.
    package let sequence: UInt64
    /// Bytes of the segment, control page and header included.
    package let totalBytes: Int
    /// Unix time of its last write, in nanoseconds.
    package let modifiedNs: Int64
}

/// Why a segment is not removed.
package enum Keeping: String, CaseIterable, Sendable {
    /// Somebody wrote to it not long ago.
    case young
    /// Somebody maps it.
    case attached
    /// Nobody was found who maps it, but not everybody could be looked at.
    case unknown
    /// A second link keeps it.
    case pinned
    /// It is another user's, or its mode keeps this one from writing.
    case notOurs = "not ours"
    /// It contradicts itself, or has a format that is not known.
    case unreadable
    /// Somebody holds its lock.
    case busy
    /// It was written to, replaced or unlinked between the look and the removal.
    case changed
}

/// What ``SegmentDirectory/orphans(olderThan:prefix:)`` found.
package struct OrphanSearch: Sendable {
    /// Those that may be removed, in the order of their names.
    package var orphans: [Orphan] = []
    /// How many segments are kept, and why.
    package var kept: [Keeping: Int] = [:]
    /// What could not be looked at.
    package var gaps: [ProcessSurvey.Gap] = []
}
