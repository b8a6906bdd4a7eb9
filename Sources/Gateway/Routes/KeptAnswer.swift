internal import Glibc
internal import MicroHTTP
internal import Representations
internal import Segments
internal import Synchronization

/// An answer that a read was given, with the bytes that it was made of: while the segment has these, it is the answer.
///
/// The bytes decide, and not the sequence alone: who stores into a mapping without the lock moves no sequence. So each
/// read takes its snapshot still, and is spared what comes behind that: text, labels, fields.
///
/// `@unchecked Sendable` because nothing of it changes but a flag.
final class KeptAnswer: @unchecked Sendable {
    private let headers: [(StaticString, String)]
    private let body: UnsafeMutableRawBufferPointer
    /// Frees the body; what libmicrohttpd is given holds this, and not the answer that holds that.
    private let memory: OwnedBytes
    private let forms = AnswerForms()
    /// The parts of the excerpt, one behind the other.
    private let source: [UInt8]
    private let snapshot: Snapshot
    private let room: KeptRoom
    private let wasUsed = Atomic(true)

    /// Copies of more bytes are not kept, nor are longer bodies.
    static let (mostSourceBytes, mostBodyBytes) = (64 << 10, 256 << 10)

    /// Keeps an answer 200 whose bytes are all there, or can be had; nil if not, or if there is no room for it.
    ///
    /// A body from `malloc` is taken over, of others there is a copy; if it is nil nothing happened to either.
    init?(_ response: Response, of snapshot: Snapshot, _ source: [UInt8], in room: KeptRoom) {
        guard let count = response.body.count, count > 0, count <= Self.mostBodyBytes,
            room.add(source.count + count)
        else { return nil }
        guard let body = response.body.inMemoryOfItsOwn(count) else {
            room.remove(source.count + count)
            return nil
        }
        self.body = body
        memory = OwnedBytes(body)
        self.snapshot = snapshot
        self.source = source
        self.room = room
        headers = response.headers
    }

    deinit { room.remove(source.count + body.count) }

    /// The sequence that it was made at.
    var sequence: UInt64 { snapshot.sequence }

    /// Whether the bytes of the same parts, one behind the other, and what they were copied of are those that it was made
    /// of.
    func isStill(_ snapshot: Snapshot, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard sequence == snapshot.sequence, self.snapshot.isDamaged == snapshot.isDamaged, bytes.count == source.count
        else { return false }
        return source.withUnsafeBytes { source in
            guard let known = source.baseAddress, let now = bytes.baseAddress else { return true }  // there are none
            return memcmp(known, now, source.count) == 0
        }
    }

    /// The answer once more; nothing is copied.
    var response: Response {
        wasUsed.store(true, ordering: .relaxed)
        return Response(
            status: 200,
            headers: headers,
            body: .pinned(UnsafeRawBufferPointer(body), owner: memory),
            forms: forms
        )
    }

    /// Whether nobody wanted it since this was asked last.
    func wasIdle() -> Bool { !wasUsed.exchange(false, ordering: .relaxed) }
}

/// The outline of a read's Arrow stream, for the next time: names, types and labels never change.
final class KeptOutline: Sendable {
    private let kept: ArrowOutline
    private let byteCount: Int
    private let room: KeptRoom
    private let wasUsed = Atomic(true)

    /// Larger ones are not kept.
    private static let mostBytes = 1 << 20

    /// Keeps an outline; nil if it is large, or there is no room for it.
    init?(_ outline: ArrowOutline, in room: KeptRoom) {
        byteCount = outline.knownByteCount
        guard byteCount <= Self.mostBytes, room.add(byteCount) else { return nil }
        kept = outline
        self.room = room
    }

    deinit { room.remove(byteCount) }

    /// The outline once more.
    var outline: ArrowOutline {
        wasUsed.store(true, ordering: .relaxed)
        return kept
    }

    /// Whether nobody wanted it since this was asked last.
    func wasIdle() -> Bool { !wasUsed.exchange(false, ordering: .relaxed) }
}

/// How much memory all that is kept of a kind may take together.
final class KeptRoom: Sendable {
    private let byteCount = Atomic(0)
    private let limit: Int

    /// Room for so many bytes.
    init(limit: Int) { self.limit = limit }

    /// Takes so many bytes, if they are left.
    func add(_ count: Int) -> Bool {
        if byteCount.wrappingAdd(count, ordering: .relaxed).newValue <= limit { return true }
        remove(count)
        return false
    }

    /// Gives them back.
    func remove(_ count: Int) { byteCount.wrappingSubtract(count, ordering: .relaxed) }
}

extension Response.Body {
    /// The bytes in memory from `malloc`: its own, or a copy of them; nil for a body that is not there as a whole.
    fileprivate func inMemoryOfItsOwn(_ count: Int) -> UnsafeMutableRawBufferPointer? {
        if case .allocated(let bytes) = self { return bytes }
        guard let base = malloc(count) else { return nil }
        let copy = UnsafeMutableRawBufferPointer(start: base, count: count)
        if let bytes {
            copy.copyMemory(from: bytes)
            return copy
        }
        if case .made(let source) = self {
            var done = 0
            while done < count {
                let read = source.read(from: done, into: UnsafeMutableRawBufferPointer(rebasing: copy[done...]))
                if read == 0 { break }
                done += read
            }
            if done == count { return copy }
        }
        free(base)
        return nil
    }
}
