internal import Documents
package import Layouts

/// How the text of a table is made: column by column, some rows at a time, or cell by cell.
package enum TableText {
    /// How many rows of columns are made at a time; nil where that would take much memory, or not pay: then cells are written
    /// one by one.
    static func blockRows(of columns: [Excerpt.Part], rows: Int) -> Int? {
        guard rows >= leastRows, columns.count <= mostColumns else { return nil }
        let rowBytes = columns.reduce(0) { $0 + $1.type.dtype.byteCount }
        return rowBytes <= mostRowBytes ? ColumnText.blockRows : nil
    }

    private static let leastRows = 8
    private static let mostColumns = 256
    private static let mostRowBytes = 4 << 10

    /// Bytes of text beside those of an answer, about.
    package static func scratchBytes(_ excerpt: Excerpt) -> Int {
        let columns: [Excerpt.Part]
        let rows: Int
        switch excerpt {
        case .frame(let frame): (columns, rows) = (frame.columns.map(\.values), frame.index.count)
        case .series(let series): (columns, rows) = ([series.values], series.index.count)
        default: return 0
        }
        guard let block = blockRows(of: columns, rows: rows) else { return 0 }
        return columns.reduce(0) { $0 + block * (32 + 2 * $1.type.dtype.byteCount) }
    }
}
