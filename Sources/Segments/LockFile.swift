internal import CSegment
internal import Glibc
internal import Synchronization

/// The write lock of one segment as this process holds it: an open file description made for the locks alone, and a
/// mutex among our own threads, which an open file description does not tell apart.
///
/// `@unchecked Sendable` because the descriptor is only read and written by who holds the mutex.
final class LockFile: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var descriptor: Int32 = -1
    /// Whether the descriptor stays open for the next time.
    private var isKept = false
    private static let keptCount = Atomic(0)
    /// So many stay open; the other descriptors are for connections and files.
    private static let mostKept = {
        var limit = rlimit()
        let code = getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
        return code == 0 ? Int(clamping: limit.rlim_cur / 4) : 256
    }()

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if isKept { Self.keptCount.wrappingSubtract(1, ordering: .relaxed) }
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Opens the description ahead, by one who may do so now and perhaps not later; nobody else has the object yet.
    func open(_ open: () throws(SegmentError) -> Int32) throws(SegmentError) {
        guard descriptor < 0 else { return }
        descriptor = try open()
        isKept = true
        Self.keptCount.wrappingAdd(1, ordering: .relaxed)
    }

    /// Takes the mutex, then the turnstile, then the lock, then frees the turnstile; waits in turn, until `deadline`.
    ///
    /// `open` is called the first time, for a descriptor that this object then owns.
    func acquire(
        until deadline: Deadline,
        open: () throws(SegmentError) -> Int32
    ) throws(SegmentError) {
        try lockMutex(until: deadline)
        do throws(SegmentError) {
            if descriptor < 0 {
                descriptor = try open()
                isKept = Self.keptCount.wrappingAdd(1, ordering: .relaxed).newValue <= Self.mostKept
                if !isKept { Self.keptCount.wrappingSubtract(1, ordering: .relaxed) }
            }
            try lockSegment(descriptor, exclusive: true, until: deadline)
        } catch {
            closeUnkept()
            pthread_mutex_unlock(mutex)
            throw error
        }
    }

    /// Frees the lock, then the mutex.
    func release() {
        shmgate_unlock(descriptor)
        Failpoint.pass("lock freed")
        closeUnkept()
        pthread_mutex_unlock(mutex)
    }

    private func closeUnkept() {
        if isKept || descriptor < 0 { return }
        close(descriptor)
        descriptor = -1
    }

    /// Changes the mode of the file; the lock is held.
    ///
    /// Returns what went wrong. The corresponding C function is `fchmod`.
    func changeMode(_ mode: UInt32) -> SystemError? {
        guard fchmod(descriptor, mode) == 0 else { return SystemError("fchmod") }
        Failpoint.pass("fchmod of the segment")
        return nil
    }

    private func lockMutex(until deadline: Deadline) throws(SegmentError) {
        let code = shmgate_mutex_lock_until(mutex, deadline.monotonicNs)
        if code != 0 { throw .busy("another thread of this process is writing") }
    }
}

/// Takes a segment's lock on a description: through the turnstile, so that nobody who loops starves the others.
///
/// On failure nothing is held. A description that may only read passes `exclusive: false`.
func lockSegment(_ descriptor: Int32, exclusive: Bool, until deadline: Deadline) throws(SegmentError) {
    // Where nobody holds or waits, which is the rule, both are had in one call.
    if exclusive, shmgate_lock_both(descriptor) == 0 {
        Failpoint.pass("turnstile and lock")
        shmgate_lock_range(descriptor, F_OFD_SETLK, Int16(F_UNLCK), turnstileStart)
        Failpoint.pass("turnstile freed")
        return
    }
    let isReadOnly = !exclusive && fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDONLY
    let turn = Int16(isReadOnly ? F_RDLCK : F_WRLCK)
    let type = Int16(exclusive ? F_WRLCK : F_RDLCK)
    var code = shmgate_lock_range_until(descriptor, turn, turnstileStart, deadline.monotonicNs)
    Failpoint.pass("turnstile")
    if code == 0 {
        code = shmgate_lock_range_until(descriptor, type, lockStart, deadline.monotonicNs)
        Failpoint.pass("lock")
        shmgate_lock_range(descriptor, F_OFD_SETLK, Int16(F_UNLCK), turnstileStart)
        Failpoint.pass("turnstile freed")
    }
    switch code {
    case 0: return
    case EAGAIN, EACCES:
        let holder = shmgate_lock_holder(descriptor, type, lockStart)
        throw .busy(
            "expected the lock of the segment, \(holder > 0 ? "process \(holder)" : "another process") holds it"
        )
    default: throw .system(SystemError("fcntl", code))
    }
}
