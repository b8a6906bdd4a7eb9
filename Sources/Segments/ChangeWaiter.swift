internal import CSegment
internal import Locks

/// Is told when a segment that a ``ChangeWaiter`` looks after has changed.
package protocol ChangeListener: AnyObject, Sendable {
    /// The segment has another sequence, an even one; on the waiter's thread, which waits for nothing else meanwhile.
    ///
    /// May still come once after ``ChangeWaiter/remove(_:_:)``.
    func changed(_ segment: Segment, sequence: UInt64)

    /// Pages of the segment are gone: nothing more will be told of it.
    func truncated(_ segment: Segment)
}

/// Sleeps until one of many segments changes, whoever changes it: one thread for up to ``capacity`` of them.
///
/// The kernel waits for all of their words at once, and for one of the waiter's own that ends the sleep when segments
/// come and go. Where it refuses, and where there are more segments than threads are worth, the thread looks at them from
/// time to time instead.
///
/// What is written during a sleep of a millisecond is told as one change, so a writer that never pauses costs no core.
package final class ChangeWaiter: Sendable {
    /// How a waiter learns of changes.
    package enum Manner: Equatable, Sendable {
        /// The kernel wakes it.
        case woken
        /// It looks, so often.
        case looking(everyMilliseconds: Int64)
    }

    /// So many segments one call of the kernel waits for, beside the waiter's own word.
    package static let capacity = Int(SHMGATE_MOST_WORDS) - 1

    private struct State {
        var watched: [WatchKey: Watched] = [:]
        /// Counts the comings and goings.
        var version = 0
        var isStopping = false
        var manner: Manner
    }

    /// A segment as it is handed to the thread.
    struct Watched {
        let segment: Segment
        let listener: any ChangeListener
        /// What the listener knows.
        let seen: UInt64
    }

    private let limit: Int
    private let state: Locked<State>
    private let word = OwnWord()

    /// A waiter that is to be ``run()``; looking needs no limit.
    package convenience init(_ manner: Manner = .woken) {
        self.init(manner, limit: manner == .woken ? Self.capacity : .max)
    }

    /// With a limit beyond what the kernel can wait for, it is refused as if it could not wait at all.
    init(_ manner: Manner, limit: Int) {
        self.limit = limit
        state = Locked(State(manner: manner))
    }

    /// How it learns of changes by now; one that the kernel refused to wake looks instead.
    package var manner: Manner { state.withLock { $0.manner } }

    /// How many segments it looks after.
    package var count: Int { state.withLock { $0.watched.count } }

    /// Looks after a segment too, of which the listener knows a sequence; false if it has as many as it can.
    ///
    /// Beyond its limit, where it has to, it looks at all of them instead of being woken.
    /// Another sequence than that is told at once. It owns the segment until it is removed.
    package func add(
        _ segment: Segment,
        seen: UInt64,
        _ listener: any ChangeListener,
        beyondLimit: Bool = false
    ) -> Bool {
        let isAdded = state.withLock { state -> Bool in
            guard beyondLimit || state.watched.count < limit, !state.isStopping else { return false }
            state.watched[WatchKey(segment, listener)] = Watched(segment: segment, listener: listener, seen: seen)
            state.version += 1
            return true
        }
        if isAdded { word.ring() }
        return isAdded
    }

    /// Lets go of a segment that was added for this listener.
    package func remove(_ segment: Segment, _ listener: any ChangeListener) {
        let isRemoved = state.withLock { state -> Bool in
            if state.watched.removeValue(forKey: WatchKey(segment, listener)) == nil { return false }
            state.version += 1
            return true
        }
        if isRemoved { word.ring() }
    }

    /// Ends ``run()``.
    package func stop() {
        state.withLock { $0.isStopping = true }
        word.ring()
    }

    /// The thread.
    package func run() {
        var rounds = WatchRounds()
        while true {
            // Before the list is read: whoever changes it afterwards rings, and the sleep below does not begin.
            let ownValue = word.value
            let (manner, isStopping) = state.withLock { state -> (Manner, Bool) in
                if rounds.version != state.version {
                    rounds.replace(state.watched, state.version)
                }
                return (state.manner, state.isStopping)
            }
            if isStopping { return }
            rounds.look()
            rounds.pause()
            if !rounds.sleep(manner, word, ownValue) {
                state.withLock { $0.manner = .looking(everyMilliseconds: Self.refusedMilliseconds) }
            }
        }
    }

    /// How often a waiter looks that the kernel does not wake.
    private static let refusedMilliseconds: Int64 = 10
}

/// Who is told of which segment.
struct WatchKey: Hashable {
    private let segment: ObjectIdentifier
    private let listener: ObjectIdentifier

    init(_ segment: Segment, _ listener: any ChangeListener) {
        self.segment = ObjectIdentifier(segment)
        self.listener = ObjectIdentifier(listener)
    }
}

/// The word that ends a waiter's sleep; its address is a number, so that it may be handed between threads.
final class OwnWord: Sendable {
    private let address: UInt

    init() {
        let word = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        word.initialize(to: 0)
        address = UInt(bitPattern: word)
    }

    deinit { pointer?.deallocate() }

    private var pointer: UnsafeMutablePointer<UInt64>? { UnsafeMutablePointer(bitPattern: address) }

    /// What it says; a sleep on this value ends with the next ring.
    var value: UInt32 { shmgate_own_word(pointer) }

    /// Ends the sleeps of now.
    func ring() { shmgate_ring_own_word(pointer) }

    /// Sleeps while it has a value, at most until an instant.
    func wait(while value: UInt32, untilNs: Int64) { shmgate_wait_for_own(pointer, value, untilNs) }

    /// As one of several words to sleep on.
    func watched(_ value: UInt32) -> shmgate_watched_word {
        shmgate_watched_word(value: UInt64(value), address: UInt64(address), flags: wordFlags, reserved: 0)
    }
}

/// Words of 32 bits that processes share.
let wordFlags = UInt32(SHMGATE_WORD_FLAGS)
