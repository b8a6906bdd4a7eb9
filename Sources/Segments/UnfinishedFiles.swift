internal import Glibc
internal import Locks

/// The temporary names of what this process is making, so that none is left behind when it is told to end.
package enum UnfinishedFiles {
    private static let paths = Locked<Set<String>>([])

    static func begin(_ path: String) { paths.withLock { _ = $0.insert(path) } }

    static func end(_ path: String) { paths.withLock { _ = $0.remove(path) } }

    /// Removes them all and ends the process, before another one can be begun.
    package static func remove(andEnd end: () -> Never) -> Never {
        paths.withLock { paths in
            for path in paths { unlink(path) }
            end()
        }
    }
}
