internal import Layouts
internal import MicroHTTP
internal import Segments

/// A body that has arrived: in memory, or in a staged file beside the segment that it is for.
struct RequestBody {
    enum Place {
        case memory(Exchange)
        case staged(StagingSink)
    }

    let place: Place
    let format: Format

    /// Bytes received.
    var count: Int {
        switch place {
        case .memory(let exchange): exchange.body.count
        case .staged(let sink): sink.count
        }
    }

    /// The bytes, for forms that are never staged.
    var bytes: UnsafeRawBufferPointer {
        guard case .memory(let exchange) = place else { preconditionFailure("only raw and npy bodies are staged") }
        return exchange.body
    }

    /// A range as it will be journaled and written; not copied.
    func source(_ range: Range<Int>) throws(SegmentError) -> ByteSource {
        switch place {
        case .memory(let exchange):
            // The exchange, which owns the body, outlives the request that this source is part of.
            return ByteSource(UnsafeRawBufferPointer(rebasing: exchange.body[range])) { _ = exchange }
        case .staged(let sink): return try sink.sealed().source(range)
        }
    }

    /// The first bytes, copied to where they can be read safely; valid until more are asked for.
    func prefix(_ limit: Int) throws(SegmentError) -> UnsafeRawBufferPointer {
        switch place {
        case .memory(let exchange): UnsafeRawBufferPointer(rebasing: exchange.body.prefix(limit))
        case .staged(let sink): try sink.prefix(limit)
        }
    }

    /// Copies bytes out, from an offset on.
    func copy(from offset: Int, into target: UnsafeMutableRawBufferPointer) throws(SegmentError) {
        switch place {
        case .memory(let exchange):
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: exchange.body[offset..<offset + target.count]))
        case .staged(let sink): try sink.sealed().copy(offset, into: target)
        }
    }
}

/// Receives a large body into a staged file, which becomes the journal of the write.
///
/// `@unchecked Sendable` because a request is worked on by one thread at a time.
final class StagingSink: BodySink, @unchecked Sendable {
    private let file: StagedFile
    private let limit: Int
    private var failure: (any Error)?
    private var isSealed = false
    private var head: UnsafeMutableRawBufferPointer?

    /// Opens a staged file for a segment; a body of more than `limit` bytes is refused.
    init(for segment: Segment, limit: Int, expecting length: UInt64?) throws(SegmentError) {
        file = try StagedFile(for: segment, expecting: Int(clamping: length ?? 0))
        self.limit = limit
    }

    deinit { head?.deallocate() }

    /// Bytes received.
    var count: Int { file.count }

    func receive(_ piece: UnsafeRawBufferPointer) -> Bool {
        do {
            if piece.count > limit - file.count {
                throw Problem(.tooLarge, "expected a body of at most \(limit) bytes, got more")
            }
            try file.append(piece)
            return true
        } catch {
            failure = error
            return false
        }
    }

    /// Throws what went wrong while the body came in.
    func check() throws { if let failure { throw failure } }

    /// The file, its body complete.
    func sealed() throws(SegmentError) -> StagedFile {
        if !isSealed { try file.seal() }
        isSealed = true
        return file
    }

    /// A private copy of the first bytes, valid until more are asked for.
    func prefix(_ limit: Int) throws(SegmentError) -> UnsafeRawBufferPointer {
        if let head, head.count >= min(limit, count) { return UnsafeRawBufferPointer(rebasing: head.prefix(limit)) }
        head?.deallocate()
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: min(limit, count), alignment: 8)
        head = copy
        try sealed().copy(0, into: copy)
        return UnsafeRawBufferPointer(copy)
    }
}
