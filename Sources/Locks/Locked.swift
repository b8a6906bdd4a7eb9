internal import Glibc

/// A value that one thread at a time may touch.
///
/// The lock is the system's, which the thread sanitizer knows: what it reports is a race, and what the lock guards it
/// leaves alone. It takes no account of fairness, cannot be taken twice by one thread, and lives in this process only.
/// It owns the value.
package final class Locked<Value: ~Copyable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    /// Guarded by the lock, which nobody takes twice: there is nothing left to check.
    @exclusivity(unchecked) private var value: Value

    /// Takes `value` over.
    package init(_ value: consuming sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        let code = pthread_mutex_init(mutex, nil)
        precondition(code == 0, "a lock of the default kind needs nothing that may be missing")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` with the value, and with no other thread in the body of another call; waits for as long as it takes.
    ///
    /// Returns and throws what `body` does.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Runs `body` as `withLock` does, if no other thread is in one now; else waits for nothing and returns nil.
    package func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        guard pthread_mutex_trylock(mutex) == 0 else { return nil }
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
