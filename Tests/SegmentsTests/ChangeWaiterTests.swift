import Glibc
import Locks
import TestSupport
import Testing

@testable import Segments

/// What a waiter told, for the thread of the test to wait for.
private final class Told: ChangeListener {
    private struct State {
        var sequences: [UInt64] = []
        var isTruncated = false
    }

    private let state = Locked(State())
    private let bell: Bell

    init() throws { bell = try Bell() }

    func changed(_ segment: Segment, sequence: UInt64) {
        state.withLock { $0.sequences.append(sequence) }
        bell.ring()
    }

    func truncated(_ segment: Segment) {
        state.withLock { $0.isTruncated = true }
        bell.ring()
    }

    var sequences: [UInt64] { state.withLock(\.sequences) }

    /// Waits until something holds; a minute later it is a failure.
    private func wait(for what: String, _ holds: (State) -> Bool) throws {
        for _ in 0..<60 {
            if state.withLock({ holds($0) }) { return }
            bell.wait(milliseconds: 1_000)
        }
        throw Failure("waited in vain for \(what)")
    }

    func await(_ sequence: UInt64) throws { try wait(for: "sequence \(sequence)") { $0.sequences.last == sequence } }

    func awaitTruncation() throws { try wait(for: "the news of a truncation", \.isTruncated) }
}

/// A waiter with its thread.
private final class Running {
    let waiter: ChangeWaiter
    private var thread = pthread_t()

    init(_ waiter: ChangeWaiter) {
        self.waiter = waiter
        let box = Unmanaged.passRetained(waiter)
        let code = pthread_create(&thread, nil, runWaiter, box.toOpaque())
        precondition(code == 0, "the system gives this process another thread")
    }

    deinit {
        waiter.stop()
        pthread_join(thread, nil)
    }
}

private let runWaiter: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { waiter in
    if let waiter { Unmanaged<ChangeWaiter>.fromOpaque(waiter).takeRetainedValue().run() }
    return nil
}

/// One thread that waits for many segments.
@Suite struct ChangeWaiterTests {
    private let workshop: Workshop
    private let told: Told

    init() throws {
        workshop = try Workshop()
        told = try Told()
    }

    /// Woken by the kernel, looking, and one that the kernel refuses for its many words.
    static let waiters: [@Sendable () -> ChangeWaiter] = [
        { ChangeWaiter() }, { ChangeWaiter(.looking(everyMilliseconds: 5)) }, { ChangeWaiter(.woken, limit: 500) },
    ]

    @Test("a write of another thread is told, with the even sequence", arguments: waiters)
    func write(_ make: @Sendable () -> ChangeWaiter) throws {
        let segment = try workshop.segment()
        let running = Running(make())
        #expect(running.waiter.add(segment, seen: 2, told))
        for sequence in stride(from: UInt64(4), to: 20, by: 2) {
            try Threads.run(1) { _ in try segment.write([1], to: segment.run(count: 1)) }
            try told.await(sequence)
        }
        #expect(told.sequences.allSatisfy { $0 & 1 == 0 })
    }

    @Test("a write of another process is told", arguments: waiters)
    func process(_ make: @Sendable () -> ChangeWaiter) async throws {
        let segment = try workshop.segment()
        let running = Running(make())
        #expect(running.waiter.add(segment, seen: 2, told))
        await #expect(processExitsWith: .success) { [path = workshop.scratch.path as String] in
            let segment = try SegmentDirectory(path: path).load(SegmentName("a"))
            try segment.write([7], to: segment.run(count: 1))
        }
        try told.await(4)
    }

    @Test("what changed before it was added is told at once")
    func earlier() throws {
        let segment = try workshop.segment()
        try segment.write([1], to: segment.run(count: 1))
        let running = Running(ChangeWaiter())
        #expect(running.waiter.add(segment, seen: 2, told))
        try told.await(4)
    }

    @Test("of more segments than one thread can wait for, it takes as many as it can, and all of them wake it")
    func many() throws {
        let running = Running(ChangeWaiter())
        var segments: [Segment] = []
        for index in 0...ChangeWaiter.capacity { segments.append(try workshop.segment("s\(index)")) }
        let listeners = try segments.map { _ in try Told() }
        for (segment, listener) in zip(segments, listeners).dropLast() {
            #expect(running.waiter.add(segment, seen: 2, listener))
        }
        #expect(!running.waiter.add(segments[ChangeWaiter.capacity], seen: 2, listeners[ChangeWaiter.capacity]))
        for index in [0, 63, ChangeWaiter.capacity - 1] {
            try segments[index].write([1], to: segments[index].run(count: 1))
            try listeners[index].await(4)
        }
        #expect(running.waiter.manner == .woken)
        running.waiter.remove(segments[0], listeners[0])
        #expect(running.waiter.add(segments[ChangeWaiter.capacity], seen: 2, listeners[ChangeWaiter.capacity]))
        try segments[ChangeWaiter.capacity].write([1], to: segments[ChangeWaiter.capacity].run(count: 1))
        try listeners[ChangeWaiter.capacity].await(4)
        try segments[0].write([1], to: segments[0].run(count: 1))
        try segments[1].write([1], to: segments[1].run(count: 1))
        try listeners[1].await(4)
        #expect(listeners[0].sequences == [4], "what was removed is told no more")
    }

    @Test("a waiter that the kernel refuses looks instead")
    func refused() throws {
        let running = Running(ChangeWaiter(.woken, limit: 500))
        let segments = try (0..<200).map { try workshop.segment("s\($0)") }
        let listeners = try segments.map { _ in try Told() }
        for (segment, listener) in zip(segments, listeners) {
            #expect(running.waiter.add(segment, seen: 2, listener))
        }
        try segments[199].write([1], to: segments[199].run(count: 1))
        try listeners[199].await(4)
        try segments[0].write([1], to: segments[0].run(count: 1))
        try listeners[0].await(4)
        // All of this may have been seen before it slept for the first time.
        for _ in 0..<6_000 where running.waiter.manner == .woken { usleep(10_000) }
        #expect(running.waiter.manner != .woken)
    }

    @Test("an unlink is a change, and what is unlinked can still be watched", arguments: waiters)
    func unlink(_ make: @Sendable () -> ChangeWaiter) throws {
        let segment = try workshop.segment()
        let running = Running(make())
        #expect(running.waiter.add(segment, seen: 2, told))
        try segment.unlink()
        try told.await(4)
        #expect(try segment.vitals().state == 2)
    }

    @Test("a write that a dead process left half done is ended, and told", arguments: waiters)
    func deadWriter(_ make: @Sendable () -> ChangeWaiter) throws {
        let segment = try workshop.segment()
        let running = Running(make())
        try workshop.file().patch(UInt64(3), at: 64)
        #expect(running.waiter.add(segment, seen: 2, told))
        try told.await(4)
        #expect(try segment.vitals().isDamaged)
    }

    @Test("a segment whose page is gone is told, and the others go on")
    func truncated() throws {
        let (segment, other) = (try workshop.segment(), try workshop.segment("b"))
        let listener = try Told()
        let running = Running(ChangeWaiter())
        #expect(running.waiter.add(segment, seen: 2, told))
        #expect(running.waiter.add(other, seen: 2, listener))
        try workshop.file().truncate(to: 0)
        try other.write([1], to: other.run(count: 1))
        try listener.await(4)
        try told.awaitTruncation()
        try other.write([1], to: other.run(count: 1))
        try listener.await(6)
    }
}
