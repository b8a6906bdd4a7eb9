extension LabelIndex {
    /// Every position of a label, as a pick: one drops the axis, several keep it; nil if there is none.
    func pick(of key: LabelKey) throws -> AxisPick? {
        if try facts().order == .none {
            let positions = try table().positions(of: key, in: self)
            return positions.isEmpty ? nil : positions.count == 1 ? .position(positions[0]) : .list(positions)
        }
        let range = try positions(from: key, through: key)
        return range.isEmpty ? nil : range.count == 1 ? .position(range.lowerBound) : Self.pick(range)
    }

    /// The positions of the labels from one to another, both included; of labels in order.
    ///
    /// In descending order `first` is the greater of the two.
    func positions(from first: LabelKey, through last: LabelKey) throws -> Range<Int> {
        let isDescending = try facts().order == .descending
        let start = try firstPosition { isDescending ? $0 <= first : $0 >= first }
        let end = try firstPosition { isDescending ? $0 < last : $0 > last }
        return start..<max(start, end)
    }

    /// The positions, in their own order, of the labels between two, both included; of labels that do not ascend.
    func positions(between first: LabelKey?, and last: LabelKey?) throws -> [Int] {
        let ranking = try ranking()
        func rank(where isBeyond: (LabelKey) -> Bool) throws -> Int {
            var low = 0
            var high = ranking.count
            while low < high {
                let middle = low + (high - low) / 2
                if isBeyond(try key(at: Int(ranking[middle]))) { high = middle } else { low = middle + 1 }
            }
            return low
        }
        let start = try first.map { first in try rank { $0 >= first } } ?? 0
        let end = try last.map { last in try rank { $0 > last } } ?? ranking.count
        return start < end ? ranking[start..<end].map { Int($0) }.sorted() : []
    }

    /// Where a label would be inserted before the first that is not ahead of it; of labels in order.
    func insertion(of key: LabelKey) throws -> Int {
        let isDescending = try facts().order == .descending
        return try firstPosition { isDescending ? $0 <= key : $0 >= key }
    }

    /// A range of positions as a pick.
    static func pick(_ range: Range<Int>) -> AxisPick {
        .range(first: range.lowerBound, count: range.count, step: 1)
    }

    /// The first position whose label satisfies a condition that holds from some label on.
    private func firstPosition(where condition: (LabelKey) -> Bool) throws -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = low + (high - low) / 2
            if condition(try key(at: middle)) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension LabelKey: Comparable {
    static func < (one: LabelKey, other: LabelKey) -> Bool {
        switch (one, other) {
        case (.number(let one), .number(let other)): one < other
        case (.text(let one), .text(let other)): one.lexicographicallyPrecedes(other)
        case (.number, .text): true
        case (.text, .number): false
        }
    }
}
