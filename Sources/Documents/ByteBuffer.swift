internal import Glibc

/// Growable bytes in malloc'd memory, so that ownership can go to C without a copy.
package struct ByteBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer
    /// How many bytes it has room for before it grows.
    private(set) var capacity: Int
    /// Whether the bytes lie in memory that belongs to someone else.
    package private(set) var isBorrowed = false
    /// How many bytes it holds.
    package private(set) var count = 0

    /// An empty buffer with room for at least `capacity` bytes; a process without memory for them ends.
    package init(capacity: Int = 0) {
        self.capacity = max(capacity, 64)
        guard let base = malloc(self.capacity) else { fatalError("no memory for \(capacity) bytes") }
        self.base = base
    }

    /// An empty buffer in memory that stays the caller's, who keeps it for as long as the bytes are there; what turns out to
    /// be too much for it goes to memory of the buffer's own.
    package init(borrowing memory: UnsafeMutableRawBufferPointer) {
        guard let base = memory.baseAddress else { preconditionFailure("what is borrowed is somewhere") }
        self.base = base
        capacity = memory.count
        isBorrowed = true
    }

    deinit { if !isBorrowed { free(base) } }

    /// Makes room for `additional` bytes more; a process without memory for them ends.
    package mutating func reserve(_ additional: Int) {
        if additional > capacity - count { grow(additional) }
    }

    /// Appends a byte.
    package mutating func append(_ byte: UInt8) {
        if count == capacity { grow(1) }
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Appends literal text.
    package mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends text as UTF-8.
    package mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: UnsafeRawBufferPointer($0)) }
    }

    /// Appends bytes.
    package mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }

    /// Appends exactly `count` bytes that `body` stores.
    package mutating func append(count added: Int, initializingWith body: (UnsafeMutableRawBufferPointer) -> Void) {
        reserve(added)
        body(UnsafeMutableRawBufferPointer(start: base + count, count: added))
        count += added
    }

    /// Appends at most `limit` bytes; `body` stores them and says how many.
    mutating func append(upTo limit: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        reserve(limit)
        count += body((base + count).assumingMemoryBound(to: UInt8.self))
    }

    /// Calls `body` with the bytes, which are valid during the call only; its error is thrown on.
    package func withUnsafeBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Calls `body` with the bytes to change them in place; they are valid during the call only, its error is thrown on.
    package mutating func withUnsafeMutableBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    /// The byte that was appended last; nil in an empty buffer.
    var last: UInt8? { count == 0 ? nil : base.load(fromByteOffset: count - 1, as: UInt8.self) }

    /// Puts another byte in the place of the one that was appended last.
    mutating func replaceLast(with byte: UInt8) {
        precondition(count > 0, "an empty buffer has no last byte")
        base.storeBytes(of: byte, toByteOffset: count - 1, as: UInt8.self)
    }

    /// Forgets so many bytes at its end.
    package mutating func removeLast(_ removed: Int) {
        precondition((0...count).contains(removed), "a buffer has the bytes that are removed")
        count -= removed
    }

    /// Forgets all bytes, and keeps its room.
    package mutating func removeAll() { count = 0 }

    /// Gives the memory to the caller, who frees it with C's `free` unless it is borrowed; its address is never nil, even
    /// without bytes.
    package consuming func take() -> UnsafeMutableRawBufferPointer {
        let bytes = UnsafeMutableRawBufferPointer(start: base, count: count)
        discard self
        return bytes
    }

    private mutating func grow(_ additional: Int) {
        let wanted = max(capacity * 2, count + additional)
        guard let larger = realloc(isBorrowed ? nil : base, wanted) else { fatalError("no memory for \(wanted) bytes") }
        if isBorrowed { memcpy(larger, base, count) }
        isBorrowed = false
        base = larger
        capacity = wanted
    }
}
