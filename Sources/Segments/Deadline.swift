internal import Glibc

/// How long to wait for another process.
public struct Deadline: Sendable {
    /// An instant of `CLOCK_MONOTONIC` in nanoseconds; negative: never; zero: long gone.
    let monotonicNs: Int64

    /// Does not wait: what is not free at once is ``SegmentError/busy(_:)``.
    public static let immediate = Deadline(monotonicNs: 0)
    /// Waits for ever.
    public static let never = Deadline(monotonicNs: -1)

    /// Whether nobody shall wait at all.
    var isImmediate: Bool { monotonicNs == 0 }

    /// Whether the time is over.
    package var hasPassed: Bool { monotonicNs >= 0 && Clock.monotonicNs() >= monotonicNs }

    /// Waits until an instant of `CLOCK_MONOTONIC`, in nanoseconds and positive; one that has passed waits no more.
    package static func at(monotonicNs: Int64) -> Deadline { Deadline(monotonicNs: max(monotonicNs, 1)) }

    /// Waits this long from now.
    public static func after(milliseconds: Int64) -> Deadline {
        Deadline(monotonicNs: Clock.monotonicNs() + milliseconds * 1_000_000)
    }
}

/// The two clocks of the kernel that segments use.
package enum Clock {
    /// Nanoseconds since some point in the past; never set back.
    package static func monotonicNs() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Unix time in nanoseconds.
    package static func unixNs() -> Int64 { read(CLOCK_REALTIME) }

    /// What this thread has used of a core, in nanoseconds.
    package static func ofThisThreadNs() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        clock_gettime(clock, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
