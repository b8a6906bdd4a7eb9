internal import Locks
internal import Segments

/// What happened to all names that begin with a prefix: for each of them the last thing, in the order in which these
/// happened.
///
/// A client is at a place in that order, and is told what stands behind it. A name that changes again moves to the end, so
/// the log is never longer than there are names, living and, for a while, gone; and a client that is slow is told less. Each
/// prefix has a log of its own: no client learns from its ids how much happens to names that it may not see.
final class NameLog: Sendable {
    /// What is known of a name.
    struct Entry {
        /// nil: it leads nowhere.
        var tag: EntityTag?
        /// The segment that it led to last.
        var uuid: UUID
        /// When the last thing happened to it.
        var version: Int
        /// When it began to lead to this segment, and to any; the second is kept when it is gone.
        var beganAt: Int
        var existsSince: Int
        /// When it was gone before it came back, and since when it had been there.
        var before: (existedSince: Int, goneAt: Int)?
    }

    private struct State {
        var entries: [SegmentName: Entry] = [:]
        var channels: [SegmentName: Channel] = [:]
        /// Names by the version of the last thing; some stand there that have moved on.
        var order: [(version: Int, name: SegmentName)] = []
        var version = 0
        /// Of what was before this, names that are gone may be forgotten.
        var floor = 0
        var goneCount = 0
        /// Whether names are found that were there before anybody asked.
        var isFilling = true
        var isFull = false
        var listeners: [ObjectIdentifier: StreamListener] = [:]
        var unwatchedSinceNs: Int64 = Clock.monotonicNs()
        var isRetired = false
    }

    let prefix: String
    /// Tells this log from others, so that ids of another one are not taken for its own.
    let id = String("\(UUID.random())".prefix(13))
    private unowned let hub: EventHub
    private let state = Locked(State())
    private let filling = Locked(())

    /// More names are more than one stream should be about.
    static let mostNames = 16_384
    /// So many names that are gone are remembered.
    private static let mostGone = 4_096
    /// So long is a log kept that nobody reads, for those who come back.
    private static let keptNs: Int64 = 30_000_000_000

    init(prefix: String, _ hub: EventHub) {
        self.prefix = prefix
        self.hub = hub
    }

    /// Whether all names have been found.
    var isReady: Bool { state.withLock { !$0.isFilling } }

    /// Finds the names that there are.
    func fill(from directory: SegmentDirectory) throws {
        try filling.withLock { _ in
            if isReady { return }
            for name in try directory.names() { enter(name) }
            state.withLock { $0.isFilling = false }
        }
    }

    /// Refuses more names than a stream is to be about.
    func requireModest() throws(Problem) {
        if state.withLock(\.isFull) {
            throw Problem(.tooLarge, "expected at most \(Self.mostNames) names, there are more: say a prefix")
        }
    }

    /// Looks at names that changed, whether they are new; lets go of those that are gone.
    ///
    /// On the thread of the names.
    func look(at change: NameWatch.Change, in directory: SegmentDirectory) {
        switch change {
        case .names(let names): for name in names { enter(name) }
        case .everything: for name in (try? directory.names()) ?? [] { enter(name) }
        }
        let gone = state.withLock { state -> [Channel] in
            let gone = state.channels.filter { state.entries[$0.key]?.tag == nil }
            for name in gone.keys { state.channels[name] = nil }
            return Array(gone.values)
        }
        for channel in gone { hub.leave(channel, self) }
    }

    /// Watches a name, if it leads to a segment and is not watched.
    private func enter(_ name: SegmentName) {
        guard name.description.hasPrefix(prefix) else { return }
        let isKnown = state.withLock { state in
            if state.channels.count >= Self.mostNames { state.isFull = true }
            return state.isFull || state.channels[name] != nil
        }
        guard !isKnown, let channel = try? hub.watch(name, self, isPatient: true) else { return }
        let isKept = state.withLock { state -> Bool in
            guard state.entries[name]?.tag != nil, state.channels[name] == nil else { return false }
            state.channels[name] = channel
            return true
        }
        if !isKept, state.withLock({ $0.channels[name] !== channel }) { hub.leave(channel, self) }
    }

    /// Adds a listener; false if the log is about to go, and the hub has another one by now.
    func add(_ listener: StreamListener) -> Bool {
        state.withLock { state in
            if state.isRetired { return false }
            state.listeners[ObjectIdentifier(listener)] = listener
            return true
        }
    }

    func remove(_ listener: StreamListener) {
        state.withLock { state in
            state.listeners[ObjectIdentifier(listener)] = nil
            if state.listeners.isEmpty { state.unwatchedSinceNs = Clock.monotonicNs() }
        }
    }

    /// Takes no listeners any more if nobody has read it for long; then it is to be closed.
    func retire(at nowNs: Int64) -> Bool {
        state.withLock { state in
            let isIdle = state.listeners.isEmpty && !state.isFilling
            state.isRetired = isIdle && nowNs - state.unwatchedSinceNs > Self.keptNs
            return state.isRetired
        }
    }

    /// Watches no names any more.
    func close() {
        let channels = state.withLock { state -> [Channel] in
            defer { state.channels = [:] }
            return Array(state.channels.values)
        }
        for channel in channels { hub.leave(channel, self) }
    }

    /// The version of now.
    var version: Int { state.withLock(\.version) }

    /// What stands behind a version, at most so many; nil if some of that is forgotten, or there are too many names.
    func entries(behind version: Int, most: Int) -> [(name: SegmentName, entry: Entry)]? {
        state.withLock { state in
            if version < state.floor || state.isFull { return nil }
            var (low, high) = (0, state.order.count)
            while low < high {
                let middle = (low + high) / 2
                if state.order[middle].version > version { high = middle } else { low = middle + 1 }
            }
            var found: [(name: SegmentName, entry: Entry)] = []
            while low < state.order.count, found.count < most {
                let (version, name) = state.order[low]
                if let entry = state.entries[name], entry.version == version { found.append((name, entry)) }
                low += 1
            }
            return found
        }
    }
}

extension NameLog: ChannelListener {
    func channelChanged(_ channel: Channel, to tag: EntityTag?) {
        state.withLock { state in
            let old = state.entries[channel.name]
            if old?.tag == tag { return }
            guard let uuid = tag?.uuid ?? old?.uuid else { return }
            if !state.isFilling { state.version += 1 }
            let version = state.version
            var entry = old ?? Entry(tag: nil, uuid: uuid, version: version, beganAt: version, existsSince: version)
            if let tag {
                if old?.tag == nil {
                    if let old { entry.before = (old.existsSince, old.version) }
                    if old != nil { state.goneCount -= 1 }
                    (entry.beganAt, entry.existsSince) = (version, version)
                } else if entry.uuid != tag.uuid {
                    entry.beganAt = version
                }
                entry.uuid = tag.uuid
            } else {
                state.goneCount += 1
            }
            (entry.tag, entry.version) = (tag, version)
            state.entries[channel.name] = entry
            if state.isFilling { return }
            state.order.append((version, channel.name))
            if state.order.count > 2 * state.entries.count + 1_024 || state.goneCount > 2 * Self.mostGone {
                Self.tidy(&state)
            }
            for listener in state.listeners.values { listener.notify() }
        }
    }

    func end() {
        state.withLock { state in
            for listener in state.listeners.values { listener.end() }
        }
    }

    /// Drops from the order what has moved on, and forgets the names that have been gone longest.
    private static func tidy(_ state: inout sending State) {
        var excess = state.goneCount - mostGone
        var kept: [(version: Int, name: SegmentName)] = []
        for (version, name) in state.order {
            guard let entry = state.entries[name], entry.version == version else { continue }
            if entry.tag == nil, excess > 0 {
                excess -= 1
                state.goneCount -= 1
                state.entries[name] = nil
                state.floor = version
            } else {
                kept.append((version, name))
            }
        }
        state.order = kept
    }
}
