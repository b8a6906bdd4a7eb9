internal import CSegment
internal import Glibc
internal import Synchronization

/// Waits for names of a directory to be taken away or given to other files, whoever does it.
///
/// The kernel tells by inotify. Where it cannot (a user has only so many watches) every wait ends after a second, and
/// anything may have changed. One thread waits; any thread may ring.
package final class NameWatch: Sendable {
    /// What may have changed since the wait before.
    package enum Change: Equatable, Sendable {
        /// These names.
        case names(Set<SegmentName>)
        /// Any name: the kernel's queue overflowed, or there is no watch.
        case everything
    }

    /// Why there is no watch; nil if there is one.
    package let failure: SegmentError?
    /// The inotify descriptor; -1 is one that `poll` passes over.
    private let events: Int32
    private let bell: Int32
    /// Whether the kernel gave the watch up: the directory itself is gone.
    private let isBlind = Atomic(false)
    /// How often everything is looked at without a watch.
    private static let blindMilliseconds: Int32 = 1_000

    /// Watches from now on; names that were free before are told only to who asks for them, and so are those of files that
    /// were open for writing and are not any more.
    package init(
        _ directory: SegmentDirectory,
        tellsNew: Bool = false,
        tellsWritten: Bool = false
    ) throws(SegmentError) {
        bell = shmgate_bell()
        guard bell >= 0 else { throw .system(SystemError("eventfd")) }
        let number = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        var changes = UInt32(IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)
        if tellsNew { changes |= UInt32(IN_CREATE) }
        if tellsWritten { changes |= UInt32(IN_CLOSE_WRITE) }
        if number >= 0, inotify_add_watch(number, directory.path, changes) >= 0 {
            events = number
            failure = nil
        } else {
            failure = .system(SystemError(number < 0 ? "inotify_init1" : "inotify_add_watch"))
            events = -1
            if number >= 0 { close(number) }
        }
    }

    deinit {
        close(bell)
        if events >= 0 { close(events) }
    }

    /// Ends the wait of now, or else the next one.
    package func ring() {
        var one: UInt64 = 1
        _ = write(bell, &one, MemoryLayout.size(ofValue: one))
    }

    /// Waits for a change or for the bell, at most so long; nil is without end.
    package func wait(atMost milliseconds: Int32? = nil) -> Change {
        var limit = milliseconds ?? -1
        if failure != nil || isBlind.load(ordering: .relaxed) {
            limit = limit < 0 ? Self.blindMilliseconds : min(limit, Self.blindMilliseconds)
        }
        var sources = [
            pollfd(fd: events, events: Int16(POLLIN), revents: 0), pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
        ]
        // A signal ends the wait early, which does no harm.
        _ = poll(&sources, nfds_t(sources.count), limit)
        var count: UInt64 = 0
        _ = read(bell, &count, MemoryLayout.size(ofValue: count))
        return look(reads: .max, of: 64 << 10).change
    }

    /// What has changed, without a wait and without much work; tells whether the kernel knows no more.
    package func glance() -> (change: Change, isAll: Bool) { look(reads: 2, of: 4 << 10) }

    private func look(reads: Int, of byteCount: Int) -> (change: Change, isAll: Bool) {
        if failure != nil { return (.everything, true) }
        let seen = changes(reads, of: byteCount)
        return isBlind.load(ordering: .relaxed) ? (.everything, true) : seen
    }

    /// Reads what the kernel has queued, so many times at most; tells whether that was all.
    private func changes(_ reads: Int, of byteCount: Int) -> (change: Change, isAll: Bool) {
        var names: Set<SegmentName> = []
        var hasOverflowed = false
        var isAll = false
        var buffer = [UInt8](repeating: 0, count: byteCount)
        for _ in 0..<reads {
            let count = read(events, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                isAll = true
                break
            }
            buffer.withUnsafeBytes { bytes in
                var next = 0
                while next + Self.headBytes <= count {
                    let mask = bytes.loadUnaligned(fromByteOffset: next + 4, as: UInt32.self)
                    let length = Int(bytes.loadUnaligned(fromByteOffset: next + 12, as: UInt32.self))
                    let text = bytes[(next + Self.headBytes)..<(next + Self.headBytes + length)].prefix { $0 != 0 }
                    if mask & UInt32(IN_Q_OVERFLOW | IN_UNMOUNT) != 0 { hasOverflowed = true }
                    if mask & UInt32(IN_IGNORED) != 0 { isBlind.store(true, ordering: .relaxed) }
                    if let name = try? SegmentName(utf8: UnsafeRawBufferPointer(rebasing: text)) { names.insert(name) }
                    next += Self.headBytes + length
                }
            }
        }
        return (hasOverflowed ? .everything : .names(names), isAll)
    }

    /// The bytes of an event before its name: watch, mask, cookie and the length of the name, 32 bits each.
    private static let headBytes = 16
}
