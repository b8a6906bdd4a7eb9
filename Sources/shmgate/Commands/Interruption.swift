import Glibc
import MicroHTTP
import Segments

/// What a command does when it is told to end: it removes what is not finished, and ends by the signal all the same.
enum Interruption {
    /// Takes the signals from now on; before the first thread is started, so that every thread leaves them to this one.
    static func handle() {
        var signals = sigset_t()
        sigemptyset(&signals)
        // One that is ignored, as nohup has it, stays so.
        for number in [SIGHUP, SIGINT, SIGTERM] where !isIgnored(number) { sigaddset(&signals, number) }
        sigprocmask(SIG_BLOCK, &signals, nil)
        let isStarted = PlatformThread.start(name: "shmgate-signals") {
            var number: Int32 = 0
            while sigwait(&signals, &number) != 0 {}
            UnfinishedFiles.remove { die(by: number) }
        }
        // A thread that the system does not give is no reason to let nobody end this process.
        if isStarted == nil { sigprocmask(SIG_UNBLOCK, &signals, nil) }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        let (handler, ignoring) = (action.__sigaction_handler.sa_handler, SIG_IGN)
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(ignoring, to: Int.self)
    }

    /// Ends the process as the signal would have, so that a shell knows.
    private static func die(by number: Int32) -> Never {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        kill(getpid(), number)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        _exit(128 + number)
    }
}
