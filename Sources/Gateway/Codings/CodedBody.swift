internal import Codings
internal import Glibc
internal import MicroHTTP
internal import Segments

/// A body packed while it is sent; so the memory that it takes is the packer's, however long it is.
final class CodedBody: OpenBodySource {
    private var packer: Packer
    private let input: Response.Body
    private let count: Int
    private let reservation: MemoryReservation?
    /// What of the input was read so far.
    private var offset = 0
    private var isEnded = false
    /// Whether the packer is giving out what it kept.
    private var isFlushing = false
    /// Pieces of a body that is made as well.
    private var buffer: [UInt8]
    private var pending: Range<Int> = 0..<0

    /// So much is read at a time by an event thread, which others wait for.
    private static let readBytes = 64 << 10
    /// After so much without a byte to send, what the packer keeps is asked for.
    private static let quietBytes = 512 << 10

    /// Takes over a body of so many bytes.
    init(_ input: Response.Body, count: Int, _ coding: Coding, _ reservation: MemoryReservation?) throws(CodingError) {
        packer = try Packer(coding, ofBytes: count)
        self.input = input
        self.count = count
        self.reservation = reservation
        if case .made = input { buffer = [UInt8](repeating: 0, count: Self.readBytes) } else { buffer = [] }
    }

    deinit { input.discard() }

    func read(into target: UnsafeMutableRawBufferPointer) -> Int? {
        var written = 0
        var eaten = 0
        while !isEnded, written < target.count, written == 0 || eaten < Self.readBytes {
            let room = UnsafeMutableRawBufferPointer(rebasing: target[written...])
            if eaten >= Self.quietBytes { isFlushing = true }
            let flush: Packer.Flush = offset == count ? .end : isFlushing ? .all : .none
            guard let step = flush == .none ? step(into: room) : try? packer.pack(Self.nothing, into: room, flush),
                step.read > 0 || step.written > 0 || step.isDone
            else { return nil }
            if step.isDone { isFlushing = false }
            isEnded = flush == .end && step.isDone
            written += step.written
            eaten = flush == .all ? 0 : eaten + step.read
        }
        return written
    }

    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// Packs the next piece of the input; nil if there should be one and is none.
    private func step(into room: UnsafeMutableRawBufferPointer) -> (read: Int, written: Int, isDone: Bool)? {
        guard let bytes = input.bytes else { return stepOfMade(into: room) }
        let piece = UnsafeRawBufferPointer(rebasing: bytes[offset...].prefix(Self.readBytes))
        guard let step = try? packer.pack(piece, into: room, .none) else { return nil }
        offset += step.read
        return step
    }

    private func stepOfMade(into room: UnsafeMutableRawBufferPointer) -> (read: Int, written: Int, isDone: Bool)? {
        guard case .made(let source) = input else { return nil }
        if pending.isEmpty {
            let read = buffer.withUnsafeMutableBytes { source.read(from: offset, into: $0) }
            guard read > 0 else { return nil }
            pending = 0..<read
        }
        let step = buffer.withUnsafeBytes { bytes in
            try? packer.pack(UnsafeRawBufferPointer(rebasing: bytes[pending]), into: room, .none)
        }
        guard let step else { return nil }
        pending = pending.lowerBound + step.read..<pending.upperBound
        offset += step.read
        return step
    }
}
