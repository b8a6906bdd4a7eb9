internal import CMicroHTTPD
internal import Glibc
internal import Locks
internal import Synchronization

/// The event threads of a server, as a worker sees them who has long work.
package final class EventThreads: Sendable {
    /// One of them: what it waits with, and on which processor it was when it began its last request.
    final class Place: Sendable {
        private let descriptor = Atomic<Int32>(-1)
        private let processor = Atomic<Int32>(-1)

        /// Says what it waits with.
        func waits(with descriptor: Int32) { self.descriptor.store(descriptor, ordering: .relaxed) }

        /// Notes the processor of the calling thread, which is the event thread.
        func note() { processor.store(cmicrohttpd_processor(), ordering: .relaxed) }

        /// Whether there is an event that the thread has not taken yet, and would take on this processor.
        fileprivate func isWaiting(for processor: Int32) -> Bool {
            guard self.processor.load(ordering: .relaxed) == processor else { return false }
            var polled = pollfd(fd: descriptor.load(ordering: .relaxed), events: Int16(POLLIN), revents: 0)
            return poll(&polled, 1, 0) > 0
        }
    }

    private let places = Locked<[Place]>([])
    private let looks = Counter()

    /// Gives the processor away for a moment if an event thread has something to do that it has not looked at, and would
    /// do it on this one.
    ///
    /// The kernel would look only at its next tick, milliseconds later, and a small request takes microseconds. Who gets
    /// the processor is the kernel's choice, so nobody gives it away who is not in the way of an event thread. Costs less
    /// than a microsecond where nobody waits, which is nearly always.
    package func letPass() {
        looks.add(1)
        if somebodyWaits(for: cmicrohttpd_processor()) { sched_yield() }
    }

    /// How often workers looked.
    package var lookCount: Int { looks.current }

    /// Whether there is an event that no thread has taken yet, of those that were on a processor.
    func somebodyWaits(for processor: Int32) -> Bool {
        places.withLock { places in places.contains { $0.isWaiting(for: processor) } }
    }

    /// How many there are.
    var count: Int { places.withLock { $0.count } }

    /// Counts a thread in.
    func add(_ place: Place) { places.withLock { $0.append(place) } }

    /// Forgets a thread, before its descriptor is closed.
    func remove(_ place: Place) { places.withLock { $0.removeAll { $0 === place } } }
}
