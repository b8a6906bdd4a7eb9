internal import Glibc

extension SegmentDirectory {
    /// What a sweep did.
    public struct Sweep: Equatable, Sendable {
        /// Segments that were never published, removed.
        public var drafts = 0
        /// Staged files whose write was complete, redone or void, removed.
        public var journals = 0
        /// Files that had to stay: held by a living process, not ours to read, or still needed.
        public var kept = 0

        /// Whether there was nothing to do.
        public var isEmpty: Bool { drafts + journals + kept == 0 }
    }

    /// Removes what processes that died left behind: drafts, and staged files once their writes are redone.
    ///
    /// A file whose maker lives is locked and stays; pids mean nothing.
    public func sweep() throws(SegmentError) -> Sweep {
        var result = Sweep()
        let names = try temporaryNames()
        for name in names where name.hasPrefix(".shmgate-tmp-") {
            if remove(name, if: { _ in true }) { result.drafts += 1 } else { result.kept += 1 }
        }
        let journals = names.filter { $0.hasPrefix(".shmgate-journal-") }
        if journals.isEmpty { return result }
        let segments = try self.names().compactMap { name in try? load(name) }
        for name in journals {
            if remove(name, if: { isSettled($0, among: segments) }) { result.journals += 1 } else { result.kept += 1 }
        }
        return result
    }

    /// Whether no segment needs a staged file any more; those that died in its write are recovered first.
    private func isSettled(_ file: borrowing FileDescriptor, among segments: [Segment]) -> Bool {
        guard case .success(let status) = file.status(), let head = StagedHead(file, limit: status.heldBytes) else {
            return true  // never complete, so no journal names it
        }
        for entry in head.entries {
            for segment in segments where segment.uuid == entry.uuid {
                do throws(SegmentError) {
                    guard try segment.sequence() == entry.sequence else { continue }
                    try segment.withWriteLock(until: .after(milliseconds: 2_000)) { _ in }
                    if try segment.sequence() == entry.sequence { return false }
                } catch {
                    return false
                }
            }
        }
        return true
    }

    /// Unlinks a temporary file that nobody holds, if it still is what it was and `condition` agrees.
    private func remove(_ name: String, if condition: (borrowing FileDescriptor) -> Bool) -> Bool {
        guard case .success(let number) = FileDescriptor.open(name, in: descriptor, flags: O_RDWR) else { return false }
        let file = FileDescriptor(owning: number)
        guard case .success(let status) = file.status(), status.isRegular, file.tryLock(F_WRLCK), condition(file)
        else { return false }
        unlinkTemporary(name)
        return true
    }
}
