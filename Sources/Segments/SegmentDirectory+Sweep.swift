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
            switch remove(name, if: { _ in true }) {
            case .removed: result.drafts += 1
            case .kept: result.kept += 1
            case .gone: break
            }
        }
        let journals = names.filter { $0.hasPrefix(".shmgate-journal-") }
        if journals.isEmpty { return result }
        let segments = try Census(self)
        for name in journals {
            switch remove(name, if: { isSettled($0, among: segments) }) {
            case .removed: result.journals += 1
            case .kept: result.kept += 1
            case .gone: break
            }
        }
        return result
    }

    /// Which names have which identity.
    ///
    /// No segment stays mapped for it: there may be more of them than address space.
    private struct Census {
        private(set) var names: [UUID: [SegmentName]] = [:]
        /// Files that are, or may be, segments, and whose identity is not known: not ours to read, or corrupt.
        private(set) var hasUnknown = false
        /// Segments that may get their names back.
        private(set) var pinned: Set<UUID> = []

        init(_ directory: SegmentDirectory) throws(SegmentError) {
            // Before the names: one that is given back in between is then seen twice, and not missed.
            pinned = Set(try directory.pins().map(\.uuid))
            for name in try directory.names() {
                do throws(SegmentError) {
                    names[try directory.load(name).uuid, default: []].append(name)
                } catch .noSuchSegment {
                    continue
                } catch {
                    hasUnknown = true
                }
            }
        }
    }

    /// Whether no segment needs a staged file any more; those that died in its write are recovered first.
    ///
    /// A segment that could not be loaded may be the one that needs it: another user, or a repaired page, can redo the
    /// write, and a file that stays costs memory where one that goes costs a write.
    private func isSettled(_ file: borrowing FileDescriptor, among segments: Census) -> Bool {
        guard case .success(let status) = file.status(), let head = StagedHead(file, limit: status.heldBytes) else {
            return true  // never complete, so no journal names it
        }
        for entry in head.entries {
            guard let names = segments.names[entry.uuid] else {
                if segments.hasUnknown || segments.pinned.contains(entry.uuid) { return false }
                continue  // gone
            }
            for name in names where !isSettled(entry, in: name) { return false }
        }
        return true
    }

    private func isSettled(_ entry: StagedHead.Entry, in name: SegmentName) -> Bool {
        do throws(SegmentError) {
            let segment = try load(name)
            guard segment.uuid == entry.uuid, try segment.sequence() == entry.sequence else { return true }
            try segment.withWriteLock(until: .after(milliseconds: 2_000)) { _ in }
            return try segment.sequence() != entry.sequence
        } catch .noSuchSegment {
            return true
        } catch {
            return false
        }
    }

    private enum Removal {
        case removed
        case kept
        /// Somebody else removed it.
        case gone
    }

    /// Unlinks a temporary file that nobody holds, if it still is what it was and `condition` agrees.
    private func remove(_ name: String, if condition: (borrowing FileDescriptor) -> Bool) -> Removal {
        let file: FileDescriptor
        let isWritable: Bool
        switch FileDescriptor.openAsAllowed(name, in: descriptor) {
        case .success(let opened):
            file = FileDescriptor(owning: opened.number)
            isWritable = opened.isWritable
        case .failure(let error): return error.code == ENOENT ? .gone : .kept
        }
        // A shared lock is all that a read-only description can have; its maker's excludes that as well.
        guard case .success(let status) = file.status(), status.isRegular, file.tryLock(isWritable ? F_WRLCK : F_RDLCK)
        else { return .kept }
        Failpoint.pass("leftover's lock")
        guard isLinked(name, file) else { return .gone }
        guard condition(file) else { return .kept }
        // The recovery of its segment, which `condition` may have begun, removes it as well.
        guard unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else { return .kept }
        Failpoint.pass("unlink of the leftover")
        return .removed
    }
}
