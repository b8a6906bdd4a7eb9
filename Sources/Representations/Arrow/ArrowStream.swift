package import Layouts
package import Segments

/// The bytes of an Arrow stream or file, in order.
struct ArrowPieces {
    private(set) var pieces: [ArrowPiece] = []
    /// Where each piece begins.
    private(set) var starts: [Int] = []
    /// How many bytes there are.
    private(set) var count = 0

    /// A batch is about as many bytes.
    private static let batchByteCount = 4 << 20
    private static let magic = Array("ARROW1\0\0".utf8)

    init(_ table: ArrowTable, asFile: Bool) {
        if asFile { append(.bytes(Self.magic)) }
        append(.bytes(ArrowMessages.schema(table.columns, table.metadata)))
        var batches: [(offset: Int, metadata: Int, body: Int)] = []
        var row = 0
        while row < table.rowCount {
            let rows = row..<min(row + table.rowsPerBatch(ofBytes: Self.batchByteCount), table.rowCount)
            let columns = table.columns.map { $0.buffers(rows) }
            let (message, body) = ArrowMessages.batch(rows: rows.count, columns)
            batches.append((count, message.count, body))
            append(.bytes(message))
            for buffer in columns.flatMap(\.buffers) {
                append(buffer)
                let gap = ArrowMessages.padded(buffer.count) - buffer.count
                if gap > 0 { append(.bytes([UInt8](repeating: 0, count: gap))) }
            }
            row = rows.upperBound
        }
        append(.bytes(ArrowMessages.end))
        guard asFile else { return }
        let footer = ArrowMessages.footer(table.columns, table.metadata, batches)
        append(.bytes(footer))
        append(.bytes(withUnsafeBytes(of: UInt32(footer.count).littleEndian) { Array($0) } + Self.magic.prefix(6)))
    }

    private mutating func append(_ piece: ArrowPiece) {
        if piece.count == 0 { return }
        pieces.append(piece)
        starts.append(count)
        count += piece.count
    }
}

/// An excerpt as an Arrow stream or file, made piece by piece while it is sent.
///
/// Columns of numbers and times are sent from where they lie; only bools, texts and big-endian elements are converted,
/// a batch at a time. One thread at a time reads. `@unchecked Sendable` because of that.
package final class ArrowStream: @unchecked Sendable {
    private let pieces: [ArrowPiece]
    /// Where each piece begins.
    private let starts: [Int]
    /// How many bytes there are.
    package let count: Int
    /// The piece that was made last, and its number.
    private var current: (number: Int, bytes: [UInt8]) = (-1, [])
    /// What the bytes of the columns lie in.
    private let owners: [AnyObject]

    /// Prepares an excerpt that ``Excerpt/isArrow`` says can be one; labels are read here.
    ///
    /// `attrs` is JSON text. `bytes` tells where the packed bytes of a part begin; they stay as long as `owner` does.
    package init(
        _ excerpt: Excerpt,
        asFile: Bool,
        attrs: String,
        owner: AnyObject,
        bytes: (Int) -> UnsafeRawPointer
    ) throws(SegmentError) {
        let table = try withoutActuallyEscaping(bytes) { bytes throws(SegmentError) in
            try ArrowTable(excerpt, attrs: attrs, bytes: bytes)
        }
        let made = ArrowPieces(table, asFile: asFile)
        (pieces, starts, count) = (made.pieces, made.starts, made.count)
        owners = [owner] + table.owned
    }

    /// Copies bytes out from an offset on; returns how many, 0 only at the end.
    package func read(from offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
        var done = 0
        var number = self.piece(at: offset)
        while done < target.count, number < pieces.count {
            let inside = offset + done - starts[number]
            done += withPiece(number) { bytes in
                let run = UnsafeRawBufferPointer(rebasing: bytes[inside...].prefix(target.count - done))
                UnsafeMutableRawBufferPointer(rebasing: target[done...]).copyMemory(from: run)
                return run.count
            }
            number += 1
        }
        return done
    }

    /// The number of the piece that an offset lies in; the count of pieces at the end.
    private func piece(at offset: Int) -> Int {
        if offset >= count { return pieces.count }
        var (low, high) = (0, pieces.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= offset { low = middle } else { high = middle }
        }
        return low
    }

    private func withPiece(_ number: Int, _ body: (UnsafeRawBufferPointer) -> Int) -> Int {
        switch pieces[number] {
        case .bytes(let bytes): return bytes.withUnsafeBytes(body)
        case .memory(let run): return body(run)
        case .made(_, let make):
            if current.number != number { current = (number, make()) }
            return current.bytes.withUnsafeBytes(body)
        case .elements: preconditionFailure("what is sent has been read")
        }
    }
}
