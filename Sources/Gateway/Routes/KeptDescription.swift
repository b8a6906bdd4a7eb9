internal import Glibc
internal import Locks
internal import MicroHTTP
internal import Synchronization

/// The description of a segment as it was answered last, for as long as nothing of it changes.
///
/// `@unchecked Sendable` because nothing of it changes but a flag.
final class KeptDescription: @unchecked Sendable {
    private let headers: [(StaticString, String)]
    private let body: UnsafeRawBufferPointer
    private let memory: OwnedBytes
    private let forms = AnswerForms()
    private let room: KeptRoom
    private let wasUsed = Atomic(true)

    /// What fields and forms take, about.
    private static let bytesBeside = 1 << 10
    /// Longer ones are not kept: thousands of segments may be open.
    private static let mostBytes = 4 << 10

    /// Keeps an answer 200 with a body from `malloc`, which it takes over; nil, and nothing happened to it, if it is long or
    /// there is no room for it.
    init?(_ response: Response, in room: KeptRoom) {
        guard case .allocated(let bytes) = response.body, bytes.count <= Self.mostBytes,
            room.add(bytes.count + Self.bytesBeside)
        else {
            return nil
        }
        // Text is made in more memory than it needs.
        let base = realloc(bytes.baseAddress, max(bytes.count, 1)) ?? bytes.baseAddress
        let whole = UnsafeMutableRawBufferPointer(start: base, count: bytes.count)
        body = UnsafeRawBufferPointer(whole)
        memory = OwnedBytes(whole)
        headers = response.headers
        self.room = room
    }

    deinit { room.remove(body.count + Self.bytesBeside) }

    /// The answer once more; nothing is copied.
    var response: Response {
        wasUsed.store(true, ordering: .relaxed)
        return Response(status: 200, headers: headers, body: .pinned(body, owner: memory), forms: forms)
    }

    /// Whether nobody wanted it since this was asked last.
    func wasIdle() -> Bool { !wasUsed.exchange(false, ordering: .relaxed) }
}

/// The description that a segment was answered with, if it was the same twice.
///
/// Who asks once, or for what changes all the time, keeps nothing.
final class LastDescription: Sendable {
    private let last = Locked<(facts: Description.Facts, kept: KeptDescription?)?>(nil)

    /// The answer that was given when these were the facts; nil if nobody asked twice since they are.
    func answer(_ facts: Description.Facts) -> Response? {
        last.withLock { last in last?.facts == facts ? last?.kept : nil }?.response
    }

    /// Takes note of an answer; the one to be sent.
    func note(_ response: Response, _ facts: Description.Facts, in room: KeptRoom) -> Response {
        let cameBefore = last.withLock { $0?.facts == facts }
        let kept = cameBefore ? KeptDescription(response, in: room) : nil
        replace((facts, kept))
        return kept?.response ?? response
    }

    /// Lets go of an answer that nobody wants any more.
    func dropIdle() {
        let isIdle = last.withLock { $0?.kept?.wasIdle() ?? false }
        if isIdle { replace(nil) }
    }

    private func replace(_ next: sending (facts: Description.Facts, kept: KeptDescription?)?) {
        // What is let go here is freed behind the lock.
        var dropped = next
        last.withLock { swap(&$0, &dropped) }
        withExtendedLifetime(dropped) {}
    }
}
