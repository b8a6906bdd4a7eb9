package import Layouts
package import Segments

/// An excerpt as an Arrow stream or file, of which all is known but the elements: messages, labels, and the places of
/// the elements.
///
/// So these can be copied out of a segment to where they are sent from.
///
/// `@unchecked Sendable` because nothing of it changes; the memory of labels that pieces point to is its own.
package final class ArrowOutline: @unchecked Sendable {
    /// Rows of a part, by its number, and how many bytes of the stream are before them.
    package struct Run: Sendable {
        package var part: Int
        package var rows: Range<Int>
        package var offset: Int
    }

    /// Bytes of the stream.
    package let byteCount: Int
    /// All elements, in the order of the stream.
    package let runs: [Run]
    /// All other bytes, and where they go.
    private let known: [(piece: ArrowPiece, offset: Int)]
    private let owned: [AnyObject]

    /// The outline of an excerpt that ``Excerpt/isArrow`` says can be a stream; labels are read here.
    ///
    /// Nil where a column has other bytes in a stream than in a segment, or where its elements have to be looked at.
    /// `attrs` is JSON text.
    package init?(_ excerpt: Excerpt, asFile: Bool, attrs: String) throws(SegmentError) {
        let table = try ArrowTable(excerpt, attrs: attrs, bytes: nil)
        guard table.columns.allSatisfy(\.isPlain) else { return nil }
        let made = ArrowPieces(table, asFile: asFile)
        var known: [(piece: ArrowPiece, offset: Int)] = []
        var runs: [Run] = []
        for (piece, offset) in zip(made.pieces, made.starts) {
            switch piece {
            case .elements(let part, let rows, _): runs.append(Run(part: part, rows: rows, offset: offset))
            case .bytes, .memory: known.append((piece, offset))
            case .made(_, let make): known.append((.bytes(make()), offset))
            }
        }
        byteCount = made.count
        self.known = known
        self.runs = runs
        owned = table.owned
    }

    /// How much of the stream it holds itself.
    package var knownByteCount: Int { known.reduce(0) { $0 + $1.piece.count } }

    /// Stores all but the elements in memory for the whole stream.
    package func store(to stream: UnsafeMutableRawPointer) {
        for (piece, offset) in known {
            switch piece {
            case .bytes(let bytes): bytes.withUnsafeBytes { (stream + offset).copyMemory(from: $0) }
            case .memory(let bytes): (stream + offset).copyMemory(from: bytes)
            case .made, .elements: preconditionFailure("an outline holds bytes that are there")
            }
        }
    }
}

extension UnsafeMutableRawPointer {
    fileprivate func copyMemory(from bytes: UnsafeRawBufferPointer) {
        if let base = bytes.baseAddress { copyMemory(from: base, byteCount: bytes.count) }
    }
}
