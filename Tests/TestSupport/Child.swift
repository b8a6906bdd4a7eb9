package import Glibc
internal import Locks

/// Another process, which does one thing and then waits to be killed.
package final class Child: Sendable {
    /// Its number.
    package let pid: pid_t
    /// Our end of its standard input, which it reads until it is killed.
    private let input: Int32
    private let isRunning = Locked(true)

    private init(_ pid: pid_t, input: Int32) {
        self.pid = pid
        self.input = input
    }

    deinit {
        kill()
        close(input)
    }

    /// A process that holds the exclusive lock of a segment; it has it when this returns.
    package static func holdingLock(_ path: String) throws -> Child {
        let script = """
            import fcntl, os, struct, sys
            file = os.open(sys.argv[1], os.O_RDWR)
            fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 64, 8, 0))
            sys.stdout.write("x")
            sys.stdout.flush()
            sys.stdin.read()
            """
        return try spawn(["python3", "-c", script, path])
    }

    /// A process that has mapped a file, and closed it, when this returns.
    package static func mapping(_ path: String) throws -> Child {
        let script = """
            import mmap, sys
            with open(sys.argv[1], "r+b") as file:
                memory = mmap.mmap(file.fileno(), 0)
            sys.stdout.write("x")
            sys.stdout.flush()
            sys.stdin.read()
            """
        return try spawn(["python3", "-c", script, path])
    }

    /// Starts a program and waits for the first byte that it writes.
    private static func spawn(_ arguments: [String]) throws -> Child {
        var output: [Int32] = [0, 0]
        var input: [Int32] = [0, 0]
        guard pipe(&output) == 0, pipe(&input) == 0 else { throw Failure("pipe") }
        for end in output + input { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { for end in [output[0], output[1], input[0]] { close(end) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        var pid = pid_t()
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        guard posix_spawnp(&pid, arguments[0], &actions, nil, &words, [nil]) == 0 else { throw Failure("posix_spawnp") }
        let child = Child(pid, input: input[1])
        close(output[1])
        output[1] = -1
        var byte: UInt8 = 0
        guard read(output[0], &byte, 1) == 1 else { throw Failure("read") }
        return child
    }

    /// Kills it and waits until it is gone.
    package func kill() {
        isRunning.withLock { isRunning in
            guard isRunning else { return }
            isRunning = false
            Glibc.kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
    }
}
