internal import Glibc
package import Layouts

extension ExcerptReader {
    /// Reads an Arrow body that has the rows and columns of an excerpt; labels, if there are some, have to be its own.
    ///
    /// The range that pandas writes down for rows that nobody gave labels is none.
    package func read(_ body: ArrowBody, _ excerpt: Excerpt) throws {
        switch excerpt {
        case .series(let series): try read(body, [(series.name, series.values)], series.index)
        case .frame(let frame): try read(body, frame.columns.map { ($0.name, $0.values) }, frame.index)
        case .array(let part): try read(body, [(nil, part)], nil)
        case .dataArray(let array):
            let own = array.coords.first { $0.dims == array.dims && $0.name == array.dims.first }
            try read(body, [(array.name, array.values)], own?.labels)
        case .row, .bytes, .json, .structure, .list, .labels: preconditionFailure("expected a table")
        }
    }

    private func read(
        _ body: ArrowBody,
        _ columns: [(name: String?, part: Excerpt.Part)],
        _ labels: PickedLabels?
    ) throws {
        let roles = try ArrowRoles(body, columns.count, labels)
        let given = roles.values.map { body.fields[$0].name }
        let areNamed = zip(columns, given).allSatisfy { column, name in
            column.name.map { $0.utf8.elementsEqual(name.utf8) } ?? true
        }
        guard given.count == columns.count, areNamed else {
            let wanted = columns.map { $0.name ?? "any" }
            throw RepresentationError.labelMismatch(
                "expected the columns \(wanted.short), in order, got \(given.short)"
            )
        }
        let rowCount = labels?.count ?? columns.first?.part.shape.first ?? 0
        guard body.rowCount == rowCount else {
            throw RepresentationError.shapeMismatch("expected \(rowCount) rows, got \(body.rowCount)")
        }
        try check(roles.index, of: body, labels)
        for (number, column) in zip(roles.values, columns) {
            try body.store(column: number, into: place(column.part.number), column.part.type)
        }
    }

    private func check(_ index: ArrowRoles.Index, of body: ArrowBody, _ labels: PickedLabels?) throws {
        let areEqual: Bool
        switch index {
        case .none, .range(0, _, 1, nil): return
        case .range(let start, _, let step, _):
            guard let labels, let dtype = labels.dtype, case .int64 = dtype.element else { throw Self.mismatch(labels) }
            let bytes = try labels.load().bytes
            areEqual = bytes.withUnsafeBytes { bytes in
                (0..<labels.count).allSatisfy { row in
                    let wanted = Int64(row).multipliedReportingOverflow(by: Int64(step))
                    let label = Int64(start).addingReportingOverflow(wanted.partialValue)
                    return !wanted.overflow && !label.overflow
                        && bytes.loadUnaligned(fromByteOffset: 8 * row, as: Int64.self) == label.partialValue
                }
            }
        case .column(let column, _):
            guard let labels else { throw Self.mismatch(nil) }
            areEqual = try body.column(column, has: labels.load())
        }
        if !areEqual { throw Self.mismatch(labels) }
    }

    private static func mismatch(_ labels: PickedLabels?) -> RepresentationError {
        guard let labels else {
            return .labelMismatch("expected no labels, for an array has none, got a column of them")
        }
        return .labelMismatch("expected the \(labels.count) labels of the selection, in order")
    }
}

extension ArrowBody {
    /// Whether a column has exactly these labels, in order; there are as many of both.
    fileprivate func column(_ column: Int, has labels: PackedLabels) throws -> Bool {
        guard let dtype = labels.dtype else {
            guard fields[column].storage.dtype == nil else { return false }
            var row = 0
            var areEqual = true
            try forEachText(column: column) { text in
                areEqual = areEqual && text.map { $0.elementsEqual(labels.texts[row]) } == true
                row += 1
            }
            return areEqual
        }
        let memory = try ArrowMemory(byteCount: labels.bytes.count)
        guard let base = memory.bytes.baseAddress else { return false }
        do throws(RepresentationError) {
            try store(column: column, into: base, .init(dtype: dtype, zone: labels.zone))
        } catch {
            if case .valueOutOfRange = error { return false }
            throw error
        }
        if memory.bytes.elementsEqual(labels.bytes) { return true }
        return labels.bytes.withUnsafeBytes { own in
            guard let other = own.baseAddress else { return true }
            return stride(from: 0, to: own.count, by: dtype.byteCount).allSatisfy {
                dtype.equalAsLabels(UnsafeRawPointer(base + $0), other + $0)
            }
        }
    }
}

extension ArrowRoles {
    /// The roles in a body for so many columns with labels; a column more, of the name of the labels, is them.
    fileprivate init(_ body: ArrowBody, _ columnCount: Int, _ labels: PickedLabels?) throws {
        try self.init(body, labels: body.fields.count == columnCount + 1 ? labels?.name : nil)
    }
}

extension [String] {
    /// The first of them, for messages.
    fileprivate var short: String { count > 20 ? "\(Array(prefix(20))) and \(count - 20) more" : "\(self)" }
}

extension Excerpt {
    /// Whether an Arrow body can be read into it: it has rows, and columns or one value for each.
    package var hasRows: Bool {
        switch self {
        case .series, .frame: true
        case .array(let part): part.shape.count == 1
        case .dataArray(let array): array.values.shape.count == 1
        case .row, .bytes, .json, .structure, .list, .labels: false
        }
    }
}
