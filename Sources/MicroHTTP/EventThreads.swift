internal import CMicroHTTPD
internal import Glibc
internal import Locks

/// The event threads of a server, as a worker sees them who has long work.
package final class EventThreads: Sendable {
    /// What each of them waits with.
    private let descriptors = Locked<[Int32]>([])
    private let looks = Counter()

    /// Gives the processor away for a moment if an event thread has something to do that it has not looked at.
    ///
    /// It may be the one that wants this processor. The kernel would look only at its next tick, milliseconds later, and
    /// a small request takes microseconds. Costs less than one of these where nobody waits, which is nearly always.
    package func letPass() {
        looks.add(1)
        if somebodyWaits { sched_yield() }
    }

    /// How often workers looked.
    package var lookCount: Int { looks.current }

    /// Whether there is an event that no thread has taken yet.
    var somebodyWaits: Bool {
        descriptors.withLock { descriptors in
            withUnsafeTemporaryAllocation(of: pollfd.self, capacity: descriptors.count) { polled in
                for (index, descriptor) in descriptors.enumerated() {
                    polled.initializeElement(at: index, to: pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
                }
                return poll(polled.baseAddress, nfds_t(polled.count), 0) > 0
            }
        }
    }

    /// How many there are.
    var count: Int { descriptors.withLock { $0.count } }

    /// Counts a thread in.
    func add(_ descriptor: Int32) { descriptors.withLock { $0.append(descriptor) } }

    /// Forgets a thread, before its descriptor is closed.
    func remove(_ descriptor: Int32) { descriptors.withLock { $0.removeAll { $0 == descriptor } } }
}
