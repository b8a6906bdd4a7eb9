package import Documents
package import Layouts
package import Segments

/// Writes excerpts as tables of text (RFC 4180, lines ended by a line feed as on any Unix).
///
/// A series and a dataframe have a line of names, and their labels as the first column; an array is its rows and nothing
/// else. What is missing (NaN, NaT) is an empty field, which an empty text, in quotes, is not.
package struct ExcerptCSV {
    private let options: JSONOptions
    /// Where the labels of its rows are kept as text; nil if they are not.
    private let indexText: KnownLabelsText?
    /// Where the packed bytes of a part begin.
    private let bytes: (Int) -> UnsafeRawPointer

    /// A writer over packed parts.
    package init(
        options: JSONOptions,
        indexText: KnownLabelsText? = nil,
        bytes: @escaping (Int) -> UnsafeRawPointer
    ) {
        self.options = options
        self.indexText = indexText
        self.bytes = bytes
    }

    /// Writes an excerpt that ``Excerpt/isTable`` says is one; labels are read here.
    package func write(_ excerpt: Excerpt, to text: inout ByteBuffer) throws(SegmentError) {
        switch excerpt {
        case .array(let part): writeArray(part, to: &text)
        case .dataArray(let array): writeArray(array.values, to: &text)
        case .labels(let labels): try writeLabels(labels, to: &text)
        case .series(let series):
            let columns = [(name: series.name ?? "values", values: series.values)]
            try writeTable(columns, series.index, to: &text)
        case .frame(let frame): try writeTable(frame.columns, frame.index, to: &text)
        case .row(let frame): try writeRow(frame, to: &text)
        case .bytes, .json, .structure, .list: preconditionFailure("expected a table, got another excerpt")
        }
    }

    private func writeTable(
        _ columns: [(name: String, values: Excerpt.Part)],
        _ index: PickedLabels,
        to text: inout ByteBuffer
    ) throws(SegmentError) {
        if let name = index.name { text.appendField(name) }
        for column in columns {
            text.append(comma)
            text.appendField(column.name)
        }
        text.append(lineFeed)
        let rows = index.count
        let values = columns.map { column in
            let base = bytes(column.values.number)
            return (writer: FieldWriter(column.values.type, options, base, rows), base: base)
        }
        var pauses = TextPauses(from: text.count)
        guard let block = TableText.blockRows(of: columns.map(\.values), rows: rows), !columns.isEmpty else {
            let labels = LabelFields(try index.load(), options)
            return writeCells(values, labels, rows, &pauses, to: &text)
        }
        let labels = try labelColumn(index, block)
        let texts = values.indices.map { ColumnText(capacity: block, tail: $0 + 1 < values.count ? "," : "\n") }
        for row in stride(from: 0, to: rows, by: block) {
            let count = min(block, rows - row)
            for (column, (writer, base)) in zip(texts, values) {
                column.clear()
                writer.write(base + row * writer.byteCount, count: count, to: column)
            }
            text.appendRows([labels(row, count)] + texts.map { ($0, 0) }, count: count)
            pauses.passed(text.count)
        }
    }

    /// The labels of some rows as cells: those of all where these are kept, else those of a block.
    private func labelColumn(
        _ index: PickedLabels,
        _ block: Int
    ) throws(SegmentError) -> (_ row: Int, _ count: Int) -> (text: ColumnText, row: Int) {
        if let indexText, index.count <= KnownLabelsText.mostCells {
            let all = try indexText.column(index) { labels in
                let all = ColumnText(capacity: labels.count, tail: ",")
                LabelFields(labels, options).write(0..<labels.count, to: all)
                return all
            }
            return { row, _ in (all, row) }
        }
        let fields = LabelFields(try index.load(), options)
        let some = ColumnText(capacity: block, tail: ",")
        return { row, count in
            some.clear()
            fields.write(row..<(row + count), to: some)
            return (some, 0)
        }
    }

    /// Rows, one cell behind the other.
    private func writeCells(
        _ columns: [(writer: FieldWriter, base: UnsafeRawPointer)],
        _ labels: LabelFields,
        _ rows: Int,
        _ pauses: inout TextPauses,
        to text: inout ByteBuffer
    ) {
        for row in 0..<rows {
            labels.write(row, to: &text)
            for (writer, base) in columns {
                text.append(comma)
                writer.write(base + row * writer.byteCount, to: &text)
                pauses.passed(text.count)
            }
            text.append(lineFeed)
        }
    }

    /// One row of a frame: a series over its columns.
    private func writeRow(_ frame: Excerpt.Frame, to text: inout ByteBuffer) throws(SegmentError) {
        text.append(comma)
        LabelFields(try frame.index.load(), options).write(0, to: &text)
        text.append(lineFeed)
        for column in frame.columns {
            text.appendField(column.name)
            text.append(comma)
            let place = bytes(column.values.number)
            FieldWriter(column.values.type, options, place, 1).write(place, to: &text)
            text.append(lineFeed)
        }
    }

    /// Rows of an array; the elements of one axis are a line each.
    private func writeArray(_ part: Excerpt.Part, to text: inout ByteBuffer) {
        let (rows, columns) = (part.shape.first ?? 1, part.shape.count == 2 ? part.shape[1] : 1)
        var place = bytes(part.number)
        let writer = FieldWriter(part.type, options, place, rows * columns)
        var pauses = TextPauses(from: text.count)
        for _ in 0..<rows {
            for column in 0..<columns {
                pauses.passed(text.count)
                if column > 0 { text.append(comma) }
                writer.write(place, to: &text)
                place += writer.byteCount
            }
            text.append(lineFeed)
        }
    }

    private func writeLabels(_ picked: PickedLabels, to text: inout ByteBuffer) throws(SegmentError) {
        let labels = LabelFields(try picked.load(), options)
        let columns = picked.shape.count == 2 ? picked.shape[1] : 1
        var pauses = TextPauses(from: text.count)
        for place in 0..<picked.count {
            pauses.passed(text.count)
            labels.write(place, to: &text)
            text.append((place + 1) % columns == 0 ? lineFeed : comma)
        }
    }
}

private let comma = UInt8(ascii: ",")
private let lineFeed = UInt8(ascii: "\n")

/// Labels as fields.
private struct LabelFields {
    private let labels: PackedLabels
    private let writer: FieldWriter?

    init(_ labels: PackedLabels, _ options: JSONOptions) {
        self.labels = labels
        writer = labels.bytes.withUnsafeBytes { raw in
            guard let dtype = labels.dtype, let base = raw.baseAddress else { return nil }
            return FieldWriter(.init(dtype: dtype, zone: labels.zone), options, base, labels.count)
        }
    }

    /// Appends some of them as cells.
    func write(_ numbers: Range<Int>, to column: ColumnText) {
        for number in numbers { column.append { write(number, to: &$0) } }
    }

    func write(_ number: Int, to text: inout ByteBuffer) {
        if labels.dtype == nil {
            // What a local process wrote need not be UTF-8.
            return text.appendField(String(decoding: labels.texts[number], as: UTF8.self))
        }
        labels.bytes.withUnsafeBytes { raw in
            guard let writer, let base = raw.baseAddress else { return }
            writer.write(base + number * writer.byteCount, to: &text)
        }
    }
}

extension Excerpt {
    /// Whether it is a table: a series, a dataframe, or an array of at most two dimensions and without fields.
    package var isTable: Bool {
        switch self {
        case .series(let series): series.values.type.dtype.fields.isEmpty
        case .frame, .row: true
        case .array(let part): part.shape.count <= 2 && part.type.dtype.fields.isEmpty
        case .dataArray(let array): array.values.shape.count <= 2
        case .labels(let labels): labels.shape.count <= 2
        case .bytes, .json, .structure, .list: false
        }
    }
}
