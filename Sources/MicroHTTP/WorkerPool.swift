internal import Glibc

/// A bounded number of threads for work that may take long.
///
/// Jobs of one crowd, which may all wait for the same thing, never take more than half of the threads: the others' jobs
/// pass them in the queue.
///
/// `@unchecked Sendable` because the mutable state is only touched under the mutex.
final class WorkerPool: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// What waits, the first first.
    private var jobs: [Job] = []
    /// How many threads work on the jobs of each crowd.
    private var working: [String: Int] = [:]
    private let crowdLimit: Int
    private var isStopping = false
    private let queueLimit: Int
    private var threads: [PlatformThread] = []
    private let busy = Counter()

    /// Starts `count` threads; more than `queueLimit` waiting jobs are refused.
    init(count: Int, queueLimit: Int) {
        self.queueLimit = queueLimit
        crowdLimit = max(1, count / 2)
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

    private struct Job {
        let crowd: String?
        let run: () -> Void
    }

    /// Queues a job, perhaps one of a crowd; false if the queue is full.
    func submit(crowd: String? = nil, _ run: @escaping () -> Void) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !isStopping, jobs.count < queueLimit else { return false }
        jobs.append(Job(crowd: crowd, run: run))
        pthread_cond_signal(wake)
        return true
    }

    /// How many threads have a job.
    var busyCount: Int { busy.current }

    /// How many jobs wait.
    var queuedCount: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return jobs.count
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

    private func work() { while runNext() {} }

    /// Runs the next job to its end, and lets go of it; false if there will be no more.
    private func runNext() -> Bool {
        guard let job = take() else { return false }
        busy.add(1)
        job.run()
        busy.add(-1)
        leave(job.crowd)
        return true
    }

    private func take() -> Job? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let index = jobs.firstIndex(where: { job in
                job.crowd.map { working[$0, default: 0] < crowdLimit } ?? true
            }) {
                let job = jobs.remove(at: index)
                if let crowd = job.crowd { working[crowd, default: 0] += 1 }
                return job
            }
            if isStopping, jobs.isEmpty { return nil }
            pthread_cond_wait(wake, mutex)
        }
    }

    /// Makes room for another job of the crowd, which may have been passed over.
    private func leave(_ crowd: String?) {
        guard let crowd else { return }
        pthread_mutex_lock(mutex)
        let left = working[crowd, default: 1] - 1
        working[crowd] = left > 0 ? left : nil
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
    }
}
