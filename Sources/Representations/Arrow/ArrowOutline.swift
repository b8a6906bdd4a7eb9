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

    /// The outline of an excerpt that ``Excerpt/isPlainArrow`` says has one; labels are read here, and converted.
    ///
    /// `attrs` is JSON text.
    package init(_ excerpt: Excerpt, asFile: Bool, attrs: String) throws(SegmentError) {
        precondition(excerpt.isPlainArrow, "the elements of an outline stand in a stream as they are")
        let table = try ArrowTable(excerpt, attrs: attrs, bytes: nil)
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

    /// What schema and attributes of a stream take, about: each name stands in it three times, the attributes twice.
    package static func metadataBytes(_ excerpt: Excerpt, asFile: Bool, attrs: String) -> Int {
        var count = attrs.utf8.count
        switch excerpt {
        case .frame(let frame): for column in frame.columns { count += column.name.utf8.count + bytesOfColumn }
        default: count += bytesOfColumn
        }
        return 3 * count * (asFile ? 2 : 1)
    }

    /// A third of what a column takes in the schema and in what pandas wants to know.
    private static let bytesOfColumn = 100

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

extension Excerpt {
    /// Whether Arrow can carry it, with elements that stand in a stream as they do in a segment, whatever they are, and
    /// with labels that are no long read.
    package var isPlainArrow: Bool {
        guard isArrow, values.allSatisfy(\.isPlainArrow) else { return false }
        switch self {
        case .series(let series): return series.index.isQuick
        case .frame(let frame): return frame.index.isQuick
        case .labels, .row, .bytes, .json, .structure, .list: return false
        case .array, .dataArray: return true
        }
    }
}

extension Excerpt.Part {
    fileprivate var isPlainArrow: Bool {
        switch ArrowType(type.dtype, zone: type.zone) {
        case .int, .float: !type.dtype.isBigEndian
        case .bool, .timestamp, .duration, .largeText, nil: false
        }
    }
}

extension PickedLabels {
    /// Whether they are numbers or times, or few: texts are of any length.
    fileprivate var isQuick: Bool { dtype != nil || count <= 1_024 }
}

extension UnsafeMutableRawPointer {
    fileprivate func copyMemory(from bytes: UnsafeRawBufferPointer) {
        if let base = bytes.baseAddress { copyMemory(from: base, byteCount: bytes.count) }
    }
}
