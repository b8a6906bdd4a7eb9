internal import Glibc

/// A bounded number of threads for work that may take long.
///
/// `@unchecked Sendable` because the mutable state is only touched under the mutex.
final class WorkerPool: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// What waits, behind empty places of what was taken.
    private var jobs: [(() -> Void)?] = []
    private var next = 0
    private var isStopping = false
    private let queueLimit: Int
    private var threads: [PlatformThread] = []

    /// Starts `count` threads; more than `queueLimit` waiting jobs are refused.
    init(count: Int, queueLimit: Int) {
        self.queueLimit = queueLimit
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
        for index in 0..<count { threads.append(PlatformThread(name: "worker-\(index)") { [self] in work() }) }
    }

    deinit {
        pthread_cond_destroy(wake)
        pthread_mutex_destroy(mutex)
        wake.deallocate()
        mutex.deallocate()
    }

    /// Queues a job; false if the queue is full.
    func submit(_ job: @escaping () -> Void) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !isStopping, jobs.count - next < queueLimit else { return false }
        jobs.append(job)
        pthread_cond_signal(wake)
        return true
    }

    /// Lets the threads finish what is queued and waits for them.
    func stop() {
        pthread_mutex_lock(mutex)
        isStopping = true
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
        for thread in threads { thread.join() }
        threads = []
    }

    private func work() {
        while let job = take() { job() }
    }

    private func take() -> (() -> Void)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while next == jobs.count {
            if isStopping { return nil }
            pthread_cond_wait(wake, mutex)
        }
        let job = jobs[next]
        jobs[next] = nil  // what a finished job holds must not wait until the others are taken
        next += 1
        if next == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            next = 0
        } else if next >= 1_024 {
            jobs.removeFirst(next)
            next = 0
        }
        return job
    }
}
