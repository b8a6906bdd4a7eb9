internal import CSegment
internal import Synchronization

/// How often and how long this process has waited for locks of segments and for memory of a budget.
///
/// Only who has to wait is counted, so that the rest pays nothing.
package enum Waits {
    /// Nanoseconds that this thread has waited, all its requests together.
    package static var ofThisThreadNs: Int64 { shmgate_thread_waited_ns() }

    /// Nanoseconds that all threads have waited.
    package static var totalNs: Int64 { shmgate_waited_ns() }

    /// How often.
    package static var count: Int64 { shmgate_waits() }
}

/// Writers that died in a write, as this process found them under the lock.
package struct InterruptedWriters: Equatable, Sendable {
    /// Their write was completed from its journal.
    package var completed: Int
    /// There was no journal that holds: the segment is damaged.
    package var damaging: Int

    /// The counts of now.
    package static var now: InterruptedWriters {
        InterruptedWriters(
            completed: completedCount.load(ordering: .relaxed),
            damaging: damagingCount.load(ordering: .relaxed)
        )
    }

    private static let completedCount = Atomic<Int>(0)
    private static let damagingCount = Atomic<Int>(0)

    static func complete() { completedCount.add(1, ordering: .relaxed) }

    static func damage() { damagingCount.add(1, ordering: .relaxed) }
}
