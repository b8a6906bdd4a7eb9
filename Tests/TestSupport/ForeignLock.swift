internal import Glibc

/// A lock on a description of its own, which excludes this process's others just as another process's would.
package final class ForeignLock: Sendable {
    /// The two ranges that the format locks.
    package enum Place: Int, Sendable {
        case lock = 64
        case turnstile = 72
    }

    private let file: Int32

    /// Takes a lock at once, or fails.
    package init(_ path: String, _ place: Place = .lock, shared: Bool = false) throws {
        file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw Failure("open \(path)") }
        guard Self.set(file, shared ? F_RDLCK : F_WRLCK, place) else { throw Failure("fcntl") }
    }

    deinit { Self.free(file) }

    /// Frees the locks before it closes: a child that was forked just now holds a copy of the description for a moment.
    private static func free(_ file: Int32) {
        for place in [Place.lock, .turnstile] { _ = set(file, F_UNLCK, place) }
        close(file)
    }

    /// Whether a lock could be had now.
    package static func isFree(_ path: String, _ place: Place = .lock, shared: Bool = false) throws -> Bool {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw Failure("open \(path)") }
        defer { free(file) }
        return set(file, shared ? F_RDLCK : F_WRLCK, place)
    }

    private static func set(_ file: Int32, _ type: Int32, _ place: Place) -> Bool {
        var range = flock()
        range.l_type = Int16(type)
        range.l_whence = Int16(SEEK_SET)
        range.l_start = place.rawValue
        range.l_len = 8
        return fcntl(file, 37, &range) == 0  // F_OFD_SETLK
    }
}
