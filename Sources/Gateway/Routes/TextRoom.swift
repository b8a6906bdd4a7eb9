internal import Documents
internal import MicroHTTP
internal import Segments

/// Where the text of an answer is made: much of it in memory from the pool, and little in a buffer of its own.
///
/// Memory that the kernel has to find and clear page by page costs half as much as the digits of a million numbers.
struct TextRoom {
    private let memory: SnapshotMemory?

    /// Room for about so many bytes; what turns out to be more finds room as well.
    init(for byteCount: Int, _ pool: SnapshotPool) {
        // Untouched memory costs nothing, and to move the text would cost more than to make it.
        memory = byteCount < PrivateCopy.pooledFrom ? nil : pool.take(byteCount.addedClamped(byteCount / 2))
    }

    /// Room for little text.
    init() { memory = nil }

    /// An empty buffer there, for one text.
    var buffer: ByteBuffer {
        guard let memory else { return ByteBuffer(capacity: 256) }
        return ByteBuffer(borrowing: memory.bytes)
    }

    /// The text that was made there as the body of an answer, perhaps one that took of a budget; nothing is copied.
    func body(_ text: consuming ByteBuffer, countedBy reservation: MemoryReservation?) -> Response.Body {
        let isHere = text.isBorrowed
        let bytes = text.take()
        if let memory, isHere {
            return .pinned(UnsafeRawBufferPointer(bytes), owner: Counted(memory, reservation))
        }
        guard let reservation else { return .allocated(bytes) }
        return .pinned(UnsafeRawBufferPointer(bytes), owner: Counted(OwnedBytes(bytes), reservation))
    }
}
