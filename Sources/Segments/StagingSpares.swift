internal import Locks

/// Staging files whose writes are over, kept for the next ones.
///
/// Shared memory costs the kernel a page at a time, when a file gets it and when the file goes: that was half of a write of
/// 1 MiB. A process keeps spares only if it says so, for it has to give them back too.
final class StagingSpares: Sendable {
    private struct State {
        var mostBytes = 0
        var idle: [(file: StagingFile, sinceNs: Int64)] = []
        /// Bytes of those that are in use again: a body that comes slowly holds all that its file has.
        var lentBytes = 0

        var heldBytes: Int { idle.reduce(lentBytes) { $0 + $1.file.heldEnd } }
    }

    private let state = Locked(State())

    /// From now on files of so many bytes together are kept.
    func keep(mostBytes: Int) { state.withLock { $0.mostBytes = mostBytes } }

    /// Whether any are kept.
    var isKeeping: Bool { state.withLock { $0.mostBytes > 0 } }

    /// The youngest one with this mode and group that is not far too large for a body of so many bytes; nil if there is
    /// none.
    func take(mode: UInt32, group: UInt32, for byteCount: Int) -> StagingFile? {
        let most = min(byteCount, Int.max / 4) * 2 + (1 << 20)
        let file = state.withLock { state -> StagingFile? in
            let fitting = state.idle.lastIndex {
                $0.file.mode == mode && $0.file.group == group && $0.file.heldEnd <= most
            }
            guard let index = fitting else { return nil }
            let file = state.idle.remove(at: index).file
            file.lentBytes = file.heldEnd
            state.lentBytes += file.lentBytes
            return file
        }
        guard let file else { return nil }
        if file.isReusable { return file }
        give(file, isFree: false)
        return nil
    }

    /// Keeps a file that nobody uses any more, or lets it go; one that is not free is still named by a page.
    func give(_ file: StagingFile, isFree: Bool) {
        let isClear = isFree && isKeeping && file.clear()
        let isKept = state.withLock { state -> Bool in
            state.lentBytes -= file.lentBytes
            file.lentBytes = 0
            guard isClear, state.heldBytes + file.heldEnd <= state.mostBytes else { return false }
            state.idle.append((file, Clock.monotonicNs()))
            return true
        }
        if !isKept { file.unlink() }
    }

    /// Lets go of those that were not used for so long, the longest unused first; all of them for 0 seconds.
    ///
    /// Returns whether there were any.
    @discardableResult
    func drop(idleForSeconds seconds: Int64 = 0) -> Bool {
        let limitNs = Clock.monotonicNs() - seconds * 1_000_000_000
        let old = state.withLock { state in
            let old = state.idle.filter { $0.sinceNs <= limitNs }
            state.idle.removeAll { $0.sinceNs <= limitNs }
            return old
        }
        for entry in old { entry.file.unlink() }
        return !old.isEmpty
    }
}

extension SegmentDirectory {
    /// Keeps files that large writes were staged in for the next ones: so many bytes together at most, and of a small
    /// file system no more than a sixteenth.
    ///
    /// Who does that calls ``dropStagingSpares(idleForSeconds:)`` from time to time.
    package func keepStagingSpares(mostBytes: Int) throws(SegmentError) {
        spares.keep(mostBytes: min(mostBytes, try capacity().totalBytes / 16))
    }

    /// Gives the memory of files back that no write has used for so long.
    package func dropStagingSpares(idleForSeconds seconds: Int64) { spares.drop(idleForSeconds: seconds) }

    /// Keeps no files any more, and gives back what there are.
    package func endStagingSpares() {
        spares.keep(mostBytes: 0)
        spares.drop()
    }

    /// Runs what needs shared memory; if there is not enough, once more when the spares are gone.
    func withSparesToGive<R>(_ body: () throws(SegmentError) -> R) throws(SegmentError) -> R {
        do throws(SegmentError) {
            return try body()
        } catch .outOfSpace where spares.drop() {
            return try body()
        }
    }
}
