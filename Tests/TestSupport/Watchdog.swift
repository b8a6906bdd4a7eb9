internal import Glibc

/// Ends a process that hangs; for the children of tests.
package enum Watchdog {
    /// From so many seconds on the process is no more, and its status is 111.
    package static func start(seconds: Int32) {
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { argument in
                poll(nil, 0, Int32(Int(bitPattern: argument)))
                _exit(111)
            },
            UnsafeMutableRawPointer(bitPattern: Int(seconds) * 1000)
        )
    }
}
