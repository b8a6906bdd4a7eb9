internal import Documents
internal import Layouts
internal import Segments

/// The rows of a dataframe as JSON: column by column and woven, or cell by cell where that is better.
struct FrameRowsJSON {
    private let frame: Excerpt.Frame
    private let options: JSONOptions
    /// Where the packed bytes of a part begin.
    private let bytes: (Int) -> UnsafeRawPointer

    /// The rows of a frame over packed parts.
    init(_ frame: Excerpt.Frame, _ options: JSONOptions, _ bytes: @escaping (Int) -> UnsafeRawPointer) {
        self.frame = frame
        self.options = options
        self.bytes = bytes
    }

    /// Appends them as a list of lists.
    func write(to json: inout JSONWriter) {
        let (rows, width) = (frame.index.count, frame.columns.count)
        if rows == 0 || width == 0 { return writeEmptyRows(rows, to: &json) }
        let columns = frame.columns.map { _, values in
            let writer = ElementWriter(values.type.dtype, options, zone: values.type.zone.flatMap(TimeZone.named))
            return (writer: writer, base: bytes(values.number))
        }
        var pauses = TextPauses(from: json.buffer.count)
        guard let block = TableText.blockRows(of: frame.columns.map(\.values), rows: rows) else {
            return writeCells(columns, rows, &pauses, to: &json)
        }
        let texts = columns.indices.map { ColumnText(capacity: block, tail: $0 + 1 < width ? "," : "],[") }
        json.beginArray()
        json.buffer.append(UInt8(ascii: "["))
        for row in stride(from: 0, to: rows, by: block) {
            let count = min(block, rows - row)
            for (text, (writer, base)) in zip(texts, columns) {
                text.clear()
                writer.write(base + row * writer.byteCount, count: count, to: text)
            }
            json.buffer.appendRows(texts.map { ($0, 0) }, count: count)
            pauses.passed(json.buffer.count)
        }
        json.buffer.removeLast(2)  // no row begins behind the last one
        json.endArray()
    }

    /// Rows, one cell behind the other.
    private func writeCells(
        _ columns: [(writer: ElementWriter, base: UnsafeRawPointer)],
        _ rows: Int,
        _ pauses: inout TextPauses,
        to json: inout JSONWriter
    ) {
        json.beginArray()
        for row in 0..<rows {
            json.beginArray()
            for (number, (writer, base)) in columns.enumerated() {
                if number > 0 { json.buffer.append(UInt8(ascii: ",")) }
                writer.write(base + row * writer.byteCount, to: &json.buffer)
                pauses.passed(json.buffer.count)
            }
            json.endArray()
        }
        json.endArray()
    }

    /// Rows without a column, or columns without a row.
    private func writeEmptyRows(_ rows: Int, to json: inout JSONWriter) {
        json.beginArray()
        for _ in 0..<rows {
            json.beginArray()
            json.endArray()
        }
        json.endArray()
    }
}
