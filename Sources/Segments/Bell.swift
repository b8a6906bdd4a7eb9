internal import CSegment
internal import Glibc

/// Ends a thread's waiting.
///
/// One thread waits; any thread may ring.
package final class Bell: Sendable {
    private let number: Int32

    /// A bell that has not rung.
    package init() throws(SegmentError) {
        number = shmgate_bell()
        guard number >= 0 else { throw .system(SystemError("eventfd")) }
    }

    deinit { close(number) }

    /// Ends the wait of now, or else the next one.
    package func ring() {
        var one: UInt64 = 1
        _ = write(number, &one, MemoryLayout.size(ofValue: one))
    }

    /// Waits for a ring, at most so long; a signal may end the wait early.
    package func wait(milliseconds: Int64) {
        var source = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        _ = poll(&source, 1, Int32(clamping: milliseconds))
        var count: UInt64 = 0
        _ = read(number, &count, MemoryLayout.size(ofValue: count))
    }
}
