/// Fewer rows of many, such that a plot of them shows what one of all rows would: every spike.
///
/// The rows are cut into buckets, and of each bucket those are kept in which some column has its least or its greatest
/// value; the first and the last row are kept as well. Texts and complex numbers have no say in it.
package struct Thinning {
    /// The least number of rows that can be asked for.
    package static let least = 2

    private let columns: [(base: UnsafeRawPointer, byteStride: Int, dtype: DType)]

    /// Looks at the columns of a table, or of an array of two axes or more, each by its first element, the bytes from
    /// row to row, and its dtype.
    package init(_ columns: [(base: UnsafeRawPointer, byteStride: Int, dtype: DType)]) {
        self.columns = columns.filter { PackedNumbers.areOrdered($0.dtype) }
    }

    /// At most `most` of some rows, in their order; all of them if they are not more.
    package func rows(_ most: Int, of rows: Rows) -> [Int] {
        let count = rows.count
        guard count > most else { return (0..<count).map { rows[$0] } }
        let inner = 1..<(count - 1)
        let perBucket = 2 * columns.count
        let bucketCount = perBucket == 0 ? 0 : (most - 2) / perBucket
        // Where not even one bucket has room for all that its columns want, rows at even distances have to do.
        if bucketCount == 0 { return Self.even(most, of: count).map { rows[$0] } }
        var kept = [0]
        for bucket in 0..<bucketCount {
            let range = Self.share(bucket, of: bucketCount, inner)
            if range.isEmpty { continue }
            var found: Set<Int> = []
            for (base, byteStride, dtype) in columns {
                var extremes = RowExtremes(rows: rows, range: range)
                PackedNumbers(base, byteStride: byteStride, dtype).visit(&extremes)
                if let least = extremes.leastAt { found.insert(least) }
                if let greatest = extremes.greatestAt { found.insert(greatest) }
            }
            // All of them NaN: the gap is to be seen.
            kept += found.isEmpty ? [range.lowerBound] : found.sorted()
        }
        kept.append(count - 1)
        return kept.map { rows[$0] }
    }

    private static func even(_ most: Int, of count: Int) -> [Int] {
        (0..<most).map { Int((Double($0) * Double(count - 1) / Double(most - 1)).rounded()) }
    }

    /// One of several runs of about the same length that make up a range.
    private static func share(_ number: Int, of shares: Int, _ range: Range<Int>) -> Range<Int> {
        func bound(_ number: Int) -> Int {
            let (high, low) = range.count.multipliedFullWidth(by: number)
            return range.lowerBound + shares.dividingFullWidth((high, low)).quotient
        }
        return bound(number)..<bound(number + 1)
    }

    /// The rows that are to be thinned: all of so many, or some.
    package enum Rows {
        case all(Int)
        case some([Int])

        /// How many there are.
        var count: Int {
            switch self {
            case .all(let count): count
            case .some(let rows): rows.count
            }
        }

        subscript(number: Int) -> Int {
            switch self {
            case .all: number
            case .some(let rows): rows[number]
            }
        }
    }

    /// The numbers, among some rows, of those with the least and the greatest value of a column.
    private struct RowExtremes: PackedVisitor {
        let rows: Rows
        let range: Range<Int>
        private(set) var leastAt: Int?
        private(set) var greatestAt: Int?

        init(rows: Rows, range: Range<Int>) {
            self.rows = rows
            self.range = range
        }

        mutating func visit<Value: PackedValue>(_ value: (Int) -> Value?) {
            var extremes = Extremes(range: range)
            switch rows {
            case .all: extremes.visit(value)
            case .some(let rows): extremes.visit { value(rows[$0]) }
            }
            leastAt = extremes.leastAt
            greatestAt = extremes.greatestAt
        }
    }
}
