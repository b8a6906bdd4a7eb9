internal import Documents
internal import Glibc
internal import MicroHTTP

/// The bodies of several answers and the text between them, one behind the other; nothing is copied before it is sent.
final class PiecewiseBody: BodySource {
    private enum Piece {
        case bytes(UnsafeRawBufferPointer, owner: AnyObject?)
        case source(any BodySource)

        var count: Int {
            switch self {
            case .bytes(let bytes, _): bytes.count
            case .source(let source): source.count
            }
        }
    }

    private var pieces: [Piece] = []
    /// Where each piece ends.
    private var ends: [Int] = []

    var count: Int { ends.last ?? 0 }

    /// Adds text.
    func append(_ text: consuming ByteBuffer) { append(.allocated(text.take())) }

    /// Adds a body, which now belongs to this one.
    ///
    /// Not one that only the kernel may read: its bytes are copied here.
    func append(_ body: Response.Body) {
        switch body {
        case .empty: return
        case .allocated(let bytes): append(.bytes(UnsafeRawBufferPointer(bytes), owner: OwnedBytes(bytes)))
        case .pinned(let bytes, let owner): append(.bytes(bytes, owner: owner))
        case .fixed(let bytes): append(.bytes(bytes, owner: nil))
        case .made(let source): append(.source(source))
        case .length, .streamed, .live, .unknownLength: preconditionFailure("a part of a body has bytes")
        }
    }

    private func append(_ piece: Piece) {
        if piece.count == 0 { return }
        ends.append(count + piece.count)
        pieces.append(piece)
    }

    func read(from offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
        var done = 0
        var number = place(of: offset)
        while done < target.count, number < pieces.count {
            let start = offset + done - (ends[number] - pieces[number].count)
            let room = UnsafeMutableRawBufferPointer(rebasing: target[done...])
            switch pieces[number] {
            case .bytes(let bytes, _):
                let part = UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(room.count))
                room.copyMemory(from: part)
                done += part.count
            case .source(let source):
                let part = source.read(from: start, into: room)
                if part == 0 { return done }
                done += part
            }
            if offset + done == ends[number] { number += 1 }
        }
        return done
    }

    /// The piece that a byte is in.
    private func place(of offset: Int) -> Int {
        var (low, high) = (0, ends.count)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Memory from `malloc`, freed with its holder.
final class OwnedBytes {
    private let bytes: UnsafeMutableRawBufferPointer

    init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    deinit { free(bytes.baseAddress) }
}
