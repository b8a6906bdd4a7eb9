internal import Layouts
internal import Representations

/// `max_points`: fewer rows of many, for plots.
extension PlannedRead {
    /// Which of some rows the answer has; `bytes` gives the packed bytes of a part.
    func thinned(_ rows: Thinning.Rows, bytes: (Int) -> UnsafeRawPointer) -> [Int] {
        guard let mostPoints else {
            if case .some(let rows) = rows { return rows }
            preconditionFailure("rows are chosen by conditions or by their number")
        }
        var columns: [(UnsafeRawPointer, Int, DType)] = []
        for part in excerpt.values {
            // What stands behind the rows of an array is as many columns, one beside the other.
            let dtype = part.type.dtype
            let width = part.shape.dropFirst().reduce(1, *)
            for column in 0..<min(width, Self.mostColumns) {
                columns.append((bytes(part.number) + column * dtype.byteCount, width * dtype.byteCount, dtype))
            }
        }
        return Thinning(columns).rows(mostPoints, of: rows)
    }

    /// So many columns are looked at; of wider tables the rest has no say in which rows are kept.
    private static let mostColumns = 1_024
}

extension DataTarget {
    /// What is picked of the first rows, as many as are wanted: as large as the answer will be at most.
    func outline(_ mostPoints: Int, _ excerpt: Excerpt) throws(Problem) -> Excerpt {
        switch excerpt {
        case .array, .series, .frame, .dataArray: break
        default: throw Problem(.invalidQuery, "expected max_points for rows of an array, a series or a dataframe")
        }
        guard rowAxis != nil else {
            throw Problem(.invalidQuery, "expected max_points for rows, the slice picks one element")
        }
        var parts = ExcerptParts()
        return self.excerpt(&parts, picks: picks(ofRows: Array(0..<min(rowCount, mostPoints))))
    }

    /// The first axis that is there, along which rows are chosen.
    private var rowAxis: Int? { picks.firstIndex { $0.count != nil } }

    /// How many rows the picks leave.
    var rowCount: Int { rowAxis.flatMap { picks[$0].count } ?? 0 }

    /// The picks, of some rows alone.
    func picks(ofRows rows: [Int]) -> [AxisPick] {
        var picks = picks
        if let rowAxis { picks[rowAxis] = picks[rowAxis].subset(rows) }
        return picks
    }
}

extension Query {
    /// Takes `max_points`.
    mutating func takeMostPoints() throws(Problem) -> Int? { try take("max_points", in: Thinning.least...10_000_000) }
}
