internal import Layouts
internal import Segments

extension DataTarget {
    /// The columns that the conditions look at: each condition with its part, or nil for labels.
    struct ConditionParts {
        var conditions: [(condition: RowCondition, part: Int?, type: ValueType?)] = []
    }

    /// Adds what the conditions need to know to some parts.
    func addConditions(to parts: inout ExcerptParts) throws -> ConditionParts {
        var result = ConditionParts()
        for condition in conditions {
            if condition.column == "index" {
                result.conditions.append((condition, nil, nil))
                continue
            }
            let (array, type) = try column(condition.column)
            parts.parts.append((array, Selection(picks, of: open.header.arrays[array])))
            result.conditions.append((condition, parts.parts.count - 1, type))
        }
        return result
    }

    /// The array and the type of a column, or of the values of a series.
    private func column(_ name: String) throws -> (array: Int, ValueType) {
        switch form {
        case .dataframe(let layout):
            let column = try layout.column(name)
            return (placed.firstArray + layout.arrayOfColumn[column], layout.columns[column].type)
        case .series(let layout) where name == "values" || name == layout.name: return (placed.firstArray, layout.type)
        default: throw LayoutError.noSuchMember("the series has no column \"\(name)\", only its values and its index")
        }
    }

    /// So many rows are judged by one request.
    private static let mostRows = 1 << 28

    /// Which of the rows that the picks leave satisfy all conditions; `bytes` gives the packed bytes of a part.
    func rows(_ needed: ConditionParts, bytes: (Int) -> UnsafeRawPointer) throws -> [Int] {
        guard let pick = picks.first, let axis = placed.axes.first else { return [] }
        let count = pick.count ?? 1
        guard count <= Self.mostRows else {
            throw Problem(.tooLarge, "expected at most \(Self.mostRows) rows to judge, got \(count)")
        }
        var mask = [Bool](repeating: true, count: count)
        for (condition, part, type) in needed.conditions {
            if let part, let type {
                try condition.narrow(&mask, by: bytes(part), type)
            } else if let (contents, first) = axis.labels {
                try condition.narrow(&mask, byLabels: open.index(contents, first), at: pick.positions)
            }
        }
        return mask.indices.filter { mask[$0] }
    }
}
