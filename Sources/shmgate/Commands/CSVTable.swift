/// The rows of a CSV file (RFC 4180), all of one length.
///
/// A line ends with a line feed, and a carriage return before it or none. A blank line is no row, unless a row is one
/// field.
struct CSVTable {
    /// A field of the file.
    struct Field {
        /// What it says, without the quotes around it.
        let text: String
        /// Whether it stands in quotes: then it is a text also where it is empty.
        let isQuoted: Bool
    }

    /// How many fields a row has.
    private(set) var width = 0
    /// Row by row.
    private(set) var fields: [Field] = []

    /// How many rows there are.
    var count: Int { width == 0 ? 0 : fields.count / width }

    /// The fields of a row.
    subscript(row row: Int) -> ArraySlice<Field> { fields[(row * width)..<((row + 1) * width)] }

    /// The fields of a column, those below the names.
    subscript(column column: Int) -> [Field] {
        stride(from: width + column, to: fields.count, by: width).map { fields[$0] }
    }

    /// Takes a text apart; throws what is wrong with it, and where.
    init(_ bytes: [UInt8]) throws {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw StartFailure(.badInput, "expected UTF-8") }
        var reader = FieldReader(bytes)
        while !reader.isAtEnd {
            let (line, start) = (reader.line, fields.count)
            repeat { fields.append(try reader.field()) } while reader.hasNext()
            let count = fields.count - start
            if count == 1, width != 1, fields[start].text.isEmpty, !fields[start].isQuoted {
                fields.removeLast()
            } else if width == 0 {
                width = count
            } else if count != width {
                throw StartFailure(.badInput, "line \(line): expected \(width) fields, got \(count)")
            }
        }
    }
}

/// Reads fields from left to right.
private struct FieldReader {
    private let bytes: [UInt8]
    private var next: Int
    private(set) var line = 1

    private static let comma = UInt8(ascii: ",")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let quote = UInt8(ascii: "\"")

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        next = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }

    var isAtEnd: Bool { next == bytes.count }

    private var current: UInt8? { isAtEnd ? nil : bytes[next] }

    /// Passes what is behind a field; true if it is a comma, and so another field of the row.
    mutating func hasNext() -> Bool {
        guard let byte = current else { return false }
        next += 1
        if byte == Self.lineFeed { line += 1 }
        return byte == Self.comma
    }

    /// A field; behind it is a comma, a line feed or the end.
    mutating func field() throws -> CSVTable.Field {
        if current == Self.quote { return try quoted() }
        let start = next
        while let byte = current, byte != Self.comma, byte != Self.lineFeed { next += 1 }
        var end = next
        if current != Self.comma, end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return CSVTable.Field(text: String(decoding: bytes[start..<end], as: UTF8.self), isQuoted: false)
    }

    private mutating func quoted() throws -> CSVTable.Field {
        let first = line
        var text: [UInt8] = []
        var isClosed = false
        next += 1
        while !isClosed, let byte = current {
            next += 1
            if byte == Self.quote {
                // Two of them in quotes are one.
                isClosed = current != Self.quote
                if isClosed { break }
                next += 1
            }
            if byte == Self.lineFeed { line += 1 }
            text.append(byte)
        }
        if current == UInt8(ascii: "\r") { next += 1 }
        guard isClosed, [nil, Self.comma, Self.lineFeed].contains(current) else {
            throw StartFailure(.badInput, "line \(first): expected the end of a field behind a quote")
        }
        return CSVTable.Field(text: String(decoding: text, as: UTF8.self), isQuoted: true)
    }
}
