internal import CSegment
internal import Glibc

/// So much private memory may be in use at once; who wants more waits until others let go, in turn.
///
/// `@unchecked Sendable` because `inUse` and the tickets are only touched by who holds the mutex.
package final class MemoryBudget: @unchecked Sendable {
    /// How many bytes there are to give.
    package let limit: Int
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var inUse = 0
    private var holders = 0
    /// Those who wait, the first in the queue first.
    private var waiting: [UInt64] = []
    private var nextTicket: UInt64 = 0

    /// A budget of so many bytes.
    package init(limit: Int) {
        self.limit = max(limit, 1)
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        changed = .allocate(capacity: 1)
        changed.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        changed.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Bytes given out and not given back yet.
    package var usedBytes: Int { locked { inUse } }

    /// How many hold some.
    package var holderCount: Int { locked { holders } }

    /// Takes bytes, waiting in turn until the deadline; nil if they are not to be had.
    ///
    /// More than the whole budget is given to who has it alone.
    package func reserve(_ byteCount: Int, until deadline: Deadline) -> MemoryReservation? {
        let wanted = min(max(byteCount, 0), limit)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if waiting.isEmpty, wanted <= limit - inUse { return give(wanted) }
        if deadline.monotonicNs == 0 { return nil }
        let ticket = nextTicket
        nextTicket += 1
        waiting.append(ticket)
        let sinceNs = Clock.monotonicNs()
        defer {
            shmgate_waited(sinceNs)
            waiting.removeAll { $0 == ticket }
            pthread_cond_broadcast(changed)
        }
        while waiting.first != ticket || wanted > limit - inUse {
            if !wait(until: deadline) { return nil }
        }
        return give(wanted)
    }

    /// Takes more bytes for who has some, without waiting; false if they are not to be had.
    ///
    /// It overtakes those who wait, on purpose: what somebody holds comes back only when he is done, and one who were
    /// refused because others wait would have wasted what he got so far, while they wait for just that. It cannot starve
    /// them either, for who holds something came through the queue, and nobody new does before them.
    fileprivate func take(_ byteCount: Int) -> Bool {
        locked {
            guard byteCount <= limit - inUse else { return false }
            inUse += byteCount
            return true
        }
    }

    fileprivate func giveBack(_ byteCount: Int) {
        locked {
            inUse -= byteCount
            holders -= 1
        }
        pthread_cond_broadcast(changed)
    }

    private func give(_ byteCount: Int) -> MemoryReservation {
        inUse += byteCount
        holders += 1
        return MemoryReservation(byteCount, of: self)
    }

    private func wait(until deadline: Deadline) -> Bool {
        if deadline.monotonicNs < 0 { return pthread_cond_wait(changed, mutex) == 0 }
        var at = timespec()
        at.tv_sec = Int(deadline.monotonicNs / 1_000_000_000)
        at.tv_nsec = Int(deadline.monotonicNs % 1_000_000_000)
        return pthread_cond_timedwait(changed, mutex, &at) == 0
    }

    private func locked<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}

/// Bytes of a budget; given back when the last holder lets go.
///
/// `@unchecked Sendable` because it grows only while one thread has it: the one that a body comes in on.
package final class MemoryReservation: @unchecked Sendable {
    private let budget: MemoryBudget
    /// How many bytes.
    package private(set) var byteCount: Int

    fileprivate init(_ byteCount: Int, of budget: MemoryBudget) {
        self.byteCount = byteCount
        self.budget = budget
    }

    deinit { budget.giveBack(byteCount) }

    /// Takes more, without waiting; false, and nothing taken, if that is not to be had.
    package func grow(by more: Int) -> Bool {
        guard budget.take(more) else { return false }
        byteCount += more
        return true
    }
}
