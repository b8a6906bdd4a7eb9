internal import Synchronization

/// How often readers of this process met a writer, over all segments since it started.
///
/// Only a reader that has met one counts, so the counts cost nothing while there is no contention.
public struct SnapshotContention: Equatable, Sendable {
    /// Copies thrown away because a writer was faster, or not made because one was at work.
    public var discardedCopies: Int
    /// Snapshots that had to be taken under the shared lock.
    public var lockedSnapshots: Int

    /// The counts of now.
    public static var now: SnapshotContention {
        SnapshotContention(
            discardedCopies: discarded.load(ordering: .relaxed),
            lockedSnapshots: locked.load(ordering: .relaxed)
        )
    }

    private static let discarded = Atomic<Int>(0)
    private static let locked = Atomic<Int>(0)

    static func discardedCopies(_ count: Int) { if count > 0 { discarded.add(count, ordering: .relaxed) } }

    static func tookLock() { locked.add(1, ordering: .relaxed) }
}
