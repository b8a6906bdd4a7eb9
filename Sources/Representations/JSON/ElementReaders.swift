internal import Documents
internal import Glibc
internal import Layouts

/// The readers of a frame's columns, and where their elements go.
struct ElementReaders {
    private let columns: [(element: ElementReader, base: UnsafeMutableRawPointer, step: Int)]

    init(_ frame: Excerpt.Frame, _ place: (Int) -> UnsafeMutableRawPointer) {
        columns = frame.columns.map { _, part in
            (
                ElementReader(part.type.dtype, zone: part.type.zone.flatMap(TimeZone.named)), place(part.number),
                part.type.dtype.byteCount
            )
        }
    }

    /// Reads a list of one value for each column, or of one value for all; a row that is not stored is only checked.
    func readRow(_ reader: inout JSONReader, row: Int, isStored: Bool, isExact: Bool) throws {
        guard isStored else { return try checkRow(&reader) }
        if !isExact, columns.count != 1, try Self.hasOneElement(reader) {
            try reader.beginArray()
            _ = try reader.nextElement()
            let start = reader
            try readValue(&reader, from: start, row: row)
            _ = try reader.nextElement()
            return
        }
        var next = 0
        try ArrayJSON.list(&reader, [columns.count]) { reader throws(RepresentationError) in
            let column = columns[next]
            next += 1
            try column.element.read(&reader, into: column.base + row * column.step)
        }
    }

    /// Reads a row that has no place to go.
    private func checkRow(_ reader: inout JSONReader) throws {
        let size = columns.map(\.step).max() ?? 0
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 16)
        defer { scratch.deallocate() }
        var next = 0
        try ArrayJSON.list(&reader, [columns.count]) { reader throws(RepresentationError) in
            let column = columns[next]
            next += 1
            try column.element.read(&reader, into: scratch)
        }
    }

    private static func hasOneElement(_ reader: JSONReader) throws -> Bool {
        var scout = reader
        guard try scout.peek() == .array else { return false }
        try scout.beginArray()
        guard try scout.nextElement() else { return false }
        _ = try scout.skip()
        return try !scout.nextElement()
    }

    /// Reads one value for every column.
    func readValue(
        _ reader: inout JSONReader,
        from start: JSONReader,
        row: Int
    ) throws(RepresentationError) {
        for column in columns {
            reader = start
            try column.element.read(&reader, into: column.base + row * column.step)
        }
    }

    /// Gives every row the values of the first.
    func repeatRow(over count: Int) {
        for column in columns {
            for row in 1..<max(count, 1) { memcpy(column.base + row * column.step, column.base, column.step) }
        }
    }
}
