internal import CSegment
internal import Glibc

/// What the thread of a ``ChangeWaiter`` has in its hands: the segments as it saw them last, and how fast it may go round.
struct WatchRounds {
    private struct Entry {
        let segment: Segment
        let listener: any ChangeListener
        /// What the listener was told last.
        var told: UInt64
        /// The word as it was at the last look, odd while a write is under way.
        var word: UInt64
        /// When a write that does not end is looked into; 0 while none is under way.
        var doubtNs: Int64 = 0
        var patienceNs = WatchRounds.leastPatienceNs
    }

    private var entries: [Entry] = []
    private(set) var version = -1
    private var dueNs: Int64 = 0
    private var words: [shmgate_watched_word] = []

    /// A write that goes on for so long is looked into, for its writer may be dead; then later and later.
    private static let leastPatienceNs: Int64 = 20_000_000
    private static let mostPatienceNs: Int64 = 1_000_000_000
    /// So often everything is looked at though nothing was told: a writer that died in its write wakes nobody.
    private static let idleNs: Int64 = 10_000_000_000
    /// A round takes so long at the least, on the average; some may follow at once.
    private static let roundNs: Int64 = 1_000_000
    private static let burstNs: Int64 = 8_000_000

    /// Takes the segments of a new list; what is known of those that stay is kept.
    mutating func replace(_ list: [WatchKey: ChangeWaiter.Watched], _ version: Int) {
        var known: [WatchKey: Entry] = [:]
        for entry in entries { known[WatchKey(entry.segment, entry.listener)] = entry }
        entries = list.map { key, watched in
            known[key]
                ?? Entry(segment: watched.segment, listener: watched.listener, told: watched.seen, word: watched.seen)
        }
        self.version = version
    }

    /// Looks at all words, and tells what changed.
    mutating func look() {
        var hasLost = false
        for index in entries.indices where !look(at: &entries[index]) { hasLost = true }
        if hasLost { entries.removeAll { $0.word == Self.lost } }
    }

    /// No sequence: odd, and out of reach.
    private static let lost = UInt64.max

    private func look(at entry: inout Entry) -> Bool {
        do throws(SegmentError) {
            entry.word = try entry.segment.sequence()
            if entry.word & 1 == 0 {
                entry.doubtNs = 0
                entry.patienceNs = Self.leastPatienceNs
                tell(&entry, entry.word)
            } else if let ended = try endOfDeadWrite(&entry) {
                tell(&entry, ended)
            }
            return true
        } catch {
            entry.word = Self.lost
            entry.listener.truncated(entry.segment)
            return false
        }
    }

    private func tell(_ entry: inout Entry, _ sequence: UInt64) {
        if sequence == entry.told { return }
        entry.told = sequence
        entry.listener.changed(entry.segment, sequence: sequence)
    }

    /// The sequence that follows a write whose writer is dead; nil while he lives, or is not in doubt yet.
    ///
    /// Whoever may write completes or notes the write, as every reader does.
    private func endOfDeadWrite(_ entry: inout Entry) throws(SegmentError) -> UInt64? {
        let nowNs = Clock.monotonicNs()
        if entry.doubtNs == 0 { entry.doubtNs = nowNs + entry.patienceNs }
        guard nowNs >= entry.doubtNs else { return nil }
        entry.patienceNs = min(entry.patienceNs * 2, Self.mostPatienceNs)
        entry.doubtNs = nowNs + entry.patienceNs
        do throws(SegmentError) {
            return try entry.segment.snapshot([], until: .after(milliseconds: 1)).sequence
        } catch .busy {
            return nil
        }
    }

    /// Rests a moment if rounds follow each other too fast.
    mutating func pause() {
        let nowNs = Clock.monotonicNs()
        dueNs = max(dueNs, nowNs - Self.burstNs) + Self.roundNs
        if dueNs > nowNs { usleep(UInt32(clamping: (dueNs - nowNs) / 1_000)) }
    }

    /// Sleeps until a word changes, the waiter's own among them, or it is time to look; false if the kernel refuses.
    mutating func sleep(_ manner: ChangeWaiter.Manner, _ own: OwnWord, _ ownValue: UInt32) -> Bool {
        let nowNs = Clock.monotonicNs()
        let untilNs = entries.reduce(nowNs + Self.idleNs) { $1.doubtNs == 0 ? $0 : min($0, $1.doubtNs) }
        if case .looking(let milliseconds) = manner {
            let lookNs = entries.isEmpty ? untilNs : min(untilNs, nowNs + milliseconds * 1_000_000)
            own.wait(while: ownValue, untilNs: lookNs)
            return true
        }
        words.removeAll(keepingCapacity: true)
        words.append(own.watched(ownValue))
        for entry in entries {
            words.append(
                shmgate_watched_word(
                    value: entry.word & 0xFFFF_FFFF,
                    address: UInt64(UInt(bitPattern: entry.segment.mapping.base + ControlWord.sequence)),
                    flags: wordFlags,
                    reserved: 0
                )
            )
        }
        switch shmgate_wait_for_any(words, Int32(words.count), untilNs) {
        case 0, EAGAIN, EINTR, ETIMEDOUT, EFAULT: return true
        default: return false
        }
    }
}
