internal import CMicroHTTPD
internal import Glibc

/// A thread with a name.
package struct PlatformThread {
    private let handle: pthread_t

    /// Runs `body` on a new thread, on which all signals are blocked that are meant for the process.
    ///
    /// Faults and real-time signals get through, whatever the thread blocks that starts this one: they are meant for
    /// the thread itself, as is the alarm that ends its waiting for a lock.
    package init(name: String, _ body: @escaping () -> Void) {
        guard let started = Self.start(name: name, body) else {
            preconditionFailure("the system gives this process another thread")
        }
        self = started
    }

    private init(handle: pthread_t) { self.handle = handle }

    /// The same for a thread that can be done without; nil if the system gives this process no other.
    package static func start(name: String, _ body: @escaping () -> Void) -> PlatformThread? {
        var handle = pthread_t()
        let box = Unmanaged.passRetained(ThreadBody(name: name, run: body))
        let code = pthread_create(&handle, nil, runThread, box.toOpaque())
        if code == 0 { return PlatformThread(handle: handle) }
        box.release()
        return nil
    }

    /// Waits for its end.
    package func join() { pthread_join(handle, nil) }
}

/// What a thread is to do.
private final class ThreadBody {
    let name: String
    let run: () -> Void

    init(name: String, run: @escaping () -> Void) {
        self.name = name
        self.run = run
    }
}

private let runThread: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
    guard let context else { return nil }
    let body = Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
    pthread_setname_np(pthread_self(), String(body.name.prefix(15)))
    blockProcessSignals()
    body.run()
    return nil
}

/// Faults must never be blocked: the kernel ends a process whose thread blocks the fault that it causes.
private func blockProcessSignals() {
    var blocked = sigset_t()
    sigfillset(&blocked)
    for fault in [SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT] { sigdelset(&blocked, fault) }
    for own in __libc_current_sigrtmin()...__libc_current_sigrtmax() { sigdelset(&blocked, own) }
    pthread_sigmask(SIG_SETMASK, &blocked, nil)
}
