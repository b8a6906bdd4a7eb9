internal import Glibc
internal import Locks

/// Threads of the kernel, for what has to happen at one time.
package enum Threads {
    private final class Job: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on so many threads at once, waits for all of them, and throws the first error that one had.
    ///
    /// They take every signal, as threads that a program makes do; those of Swift's own pool block most of them.
    package static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
        let first = FirstError()
        var threads: [pthread_t] = []
        for index in 0..<count {
            var thread = pthread_t()
            let job = Unmanaged.passRetained(
                Job {
                    var none = sigset_t()
                    sigemptyset(&none)
                    pthread_sigmask(SIG_SETMASK, &none, nil)
                    first.noting { try body(index) }
                }
            )
            let code = pthread_create(
                &thread,
                nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
                    return nil
                },
                job.toOpaque()
            )
            guard code == 0 else { fatalError("pthread_create: \(code)") }
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
        try first.rethrow()
    }

    /// The first error of several threads; a test's own record of issues does not know their threads.
    private final class FirstError: Sendable {
        private let error = Locked<(any Error)?>(nil)

        func noting(_ body: () throws -> Void) {
            do {
                try body()
            } catch {
                self.error.withLock { $0 = $0 ?? error }
            }
        }

        func rethrow() throws {
            if let error = error.withLock({ $0 }) { throw error }
        }
    }
}

/// What a thread saw and should not have seen.
package struct Mismatch: Error, CustomStringConvertible {
    /// What it was.
    package let description: String

    /// Takes the sentence.
    package init(_ description: String) { self.description = description }
}
