internal import Locks
internal import Segments

/// Is told that something about a name has changed; looks for itself what.
protocol ChannelListener: AnyObject, Sendable {
    /// Called with what the name leads to now, and nil for nothing, by whoever noticed it and with locks held: it may note
    /// that and wake somebody.
    func channelChanged(_ channel: Channel, to tag: EntityTag?)

    /// Wakes somebody though nothing happened, for everything is to end.
    func end()
}

/// What is known of a name that somebody watches: the segment that it leads to, and how often that was written.
///
/// It holds the state of now and no events. Whoever was told less than the state is told the rest, so one that is slow is
/// told the last of what happened meanwhile, and nothing queues up.
final class Channel: Sendable {
    private struct State {
        var tag: EntityTag?
        /// Why what the name leads to cannot be read; nil with a tag, and where it leads to nothing.
        var fault: SegmentError?
        var segment: Segment?
        var listeners: [ObjectIdentifier: any ChannelListener] = [:]
        /// Whether nobody minds to be told a little later.
        var isPatient = true
        var isClosed = false
    }

    let name: SegmentName
    private let catalog: Catalog
    private let waiters: ChangeWaiters
    /// Asks the one who watches the directory to look at the name.
    private let look: @Sendable (SegmentName) -> Void
    private let state = Locked(State())
    /// Held while somebody finds out what the name leads to, so that the last to begin has the last word.
    private let refreshing = Locked(())

    init(
        _ name: SegmentName,
        _ catalog: Catalog,
        _ waiters: ChangeWaiters,
        look: @escaping @Sendable (SegmentName) -> Void
    ) {
        self.name = name
        self.catalog = catalog
        self.waiters = waiters
        self.look = look
    }

    /// The segment that the name leads to and its sequence, as far as is known; nil if it leads to none.
    var tag: EntityTag? { state.withLock(\.tag) }

    /// What the name leads to, or why that cannot be read; neither if it leads to nothing.
    var view: (tag: EntityTag?, fault: SegmentError?) { state.withLock { ($0.tag, $0.fault) } }

    /// Adds a listener, who is told at once what is known of the name, if it leads to a segment.
    ///
    /// A patient one may be told of changes a quarter of a second later.
    func add(_ listener: any ChannelListener, isPatient: Bool) {
        let urgent = state.withLock { state -> Segment? in
            state.listeners[ObjectIdentifier(listener)] = listener
            if let tag = state.tag { listener.channelChanged(self, to: tag) }
            if isPatient || !state.isPatient { return nil }
            state.isPatient = false
            return state.segment
        }
        if let urgent { waiters.hurry(urgent, self) }
    }

    /// Takes a listener away; true if none is left.
    func remove(_ listener: any ChannelListener) -> Bool {
        state.withLock { state in
            state.listeners[ObjectIdentifier(listener)] = nil
            return state.listeners.isEmpty
        }
    }

    /// Tells all listeners that everything is to end.
    func end() {
        state.withLock { state in
            for listener in state.listeners.values { listener.end() }
        }
    }

    /// Finds out what the name leads to; false if that cannot be said now, for the machine is short of something.
    @discardableResult
    func refresh() -> Bool {
        refreshing.withLock { _ in
            do {
                try enter(try catalog.segment(name).segment)
            } catch SegmentError.system {
                return false
            } catch SegmentError.noSuchSegment {
                leave(nil)
            } catch {
                leave(error as? SegmentError)
            }
            return true
        }
    }

    private func enter(_ segment: Segment) throws {
        let sequence = try segment.sequence() & ~1
        // The name may be about to go, which is no change; what becomes of it is told when it has.
        let isLive = try segment.vitals().state == 0
        let old = state.withLock { state -> (isNew: Bool, isPatient: Bool, segment: Segment?) in
            let old = state.segment
            if old === segment || state.isClosed { return (false, false, nil) }
            state.segment = segment
            let tag = EntityTag(uuid: segment.uuid, sequence: sequence)
            if state.tag?.uuid != tag.uuid || isLive && tag.sequence > state.tag?.sequence ?? 0 {
                Self.change(to: tag, &state, self)
            }
            return (true, state.isPatient, old)
        }
        if let segment = old.segment { waiters.remove(segment, self) }
        if old.isNew { waiters.add(segment, seen: sequence, self, isPatient: old.isPatient) }
    }

    private func leave(_ fault: SegmentError?) {
        let old = state.withLock { state -> Segment? in
            defer { state.segment = nil }
            if state.tag != nil || state.fault != fault { Self.change(to: nil, because: fault, &state, self) }
            return state.segment
        }
        if let old { waiters.remove(old, self) }
    }

    private static func change(
        to tag: EntityTag?,
        because fault: SegmentError? = nil,
        _ state: inout State,
        _ channel: Channel
    ) {
        (state.tag, state.fault) = (tag, fault)
        for listener in state.listeners.values { listener.channelChanged(channel, to: tag) }
    }

    /// Lets go of the segment: nobody listens any more.
    func close() {
        refreshing.withLock { _ in
            let old = state.withLock { state -> Segment? in
                state.isClosed = true
                defer { state.segment = nil }
                return state.segment
            }
            if let old { waiters.remove(old, self) }
        }
    }
}

extension Channel: ChangeListener {
    func changed(_ segment: Segment, sequence: UInt64) {
        // Whoever is about to take the name away says so in the segment first. That is no change of what it holds; what
        // becomes of the name is told when it has.
        if let vitals = try? segment.vitals(), vitals.state != 0 { return look(name) }
        state.withLock { state in
            // A waiter that was left may still speak, behind the next one.
            guard state.segment === segment, sequence > state.tag?.sequence ?? 0 else { return }
            Self.change(to: EntityTag(uuid: segment.uuid, sequence: sequence), &state, self)
        }
    }

    func truncated(_ segment: Segment) { look(name) }
}
