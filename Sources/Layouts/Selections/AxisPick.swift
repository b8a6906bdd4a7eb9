/// What a request picks along one axis.
public enum AxisPick: Equatable, Sendable {
    /// One position; the axis is dropped.
    case position(Int)
    /// `count` positions from `first` on, `step` apart; the step may be negative, and is 0 where it does not matter.
    case range(first: Int, count: Int, step: Int)
    /// These positions, in this order.
    case list([Int])

    /// All of an axis.
    static func whole(_ extent: Int) -> AxisPick { .range(first: 0, count: extent, step: 1) }

    /// How many positions it picks; nil where it drops the axis.
    package var count: Int? {
        switch self {
        case .position: nil
        case .range(_, let count, _): count
        case .list(let positions): positions.count
        }
    }

    /// The positions in their order.
    package var positions: [Int] {
        switch self {
        case .position(let position): [position]
        case .range(let first, let count, let step): (0..<count).map { first + $0 * step }
        case .list(let positions): positions
        }
    }

    /// Those of its positions whose numbers are in a list.
    package func subset(_ numbers: [Int]) -> AxisPick {
        switch self {
        case .position: self
        case .range(let first, _, let step): .list(numbers.map { first + $0 * step })
        case .list(let positions): .list(numbers.map { positions[$0] })
        }
    }

    /// Whether it picks every position of an axis once, in order or backwards.
    func coversWhole(_ extent: Int) -> Bool {
        switch self {
        case .position: extent == 1
        case .range(_, let count, _): count == extent
        case .list: false
        }
    }
}

extension Slice {
    /// What the slice picks along each axis of a shape, as NumPy does.
    package func picks(of shape: [Int]) throws(LayoutError) -> [AxisPick] {
        var picks: [AxisPick] = []
        for (axis, item) in try expanded(rank: shape.count).enumerated() {
            let extent = shape[axis]
            switch item {
            case .index(let index): picks.append(.position(try Self.position(index, extent: extent, axis: axis)))
            case .list(let indices):
                var positions: [Int] = []
                positions.reserveCapacity(indices.count)
                for index in indices { positions.append(try Self.position(index, extent: extent, axis: axis)) }
                picks.append(.list(positions))
            case .range(let start, let stop, let step):
                picks.append(Self.range(start: start, stop: stop, step: step ?? 1, extent: extent))
            case .ellipsis: preconditionFailure("an ellipsis was expanded")
            }
        }
        return picks
    }

    /// One item for each axis.
    package func expanded(rank: Int) throws(LayoutError) -> [Slice.Item] {
        let whole = Slice.Item.range(start: nil, stop: nil, step: nil)
        let given = items.count { $0 != .ellipsis }
        if given > rank {
            throw .invalidSlice("too many indices: the array has \(rank) axes, the slice has \(given) indices")
        }
        let left = [Slice.Item](repeating: whole, count: rank - given)
        guard let gap = items.firstIndex(of: .ellipsis) else { return items + left }
        return items[..<gap] + left + items[(gap + 1)...]
    }

    private static func position(_ index: Int, extent: Int, axis: Int) throws(LayoutError) -> Int {
        let position = index < 0 ? index + extent : index
        guard (0..<extent).contains(position) else {
            throw .indexOutOfBounds("index \(index) is out of bounds for axis \(axis) with size \(extent)")
        }
        return position
    }

    /// Python's rule for `slice.indices`.
    private static func range(start: Int?, stop: Int?, step: Int, extent: Int) -> AxisPick {
        let low = step < 0 ? -1 : 0
        let high = step < 0 ? extent - 1 : extent
        func clamp(_ bound: Int?, default value: Int) -> Int {
            guard let bound else { return value }
            return min(max(bound < 0 ? bound + extent : bound, low), high)
        }
        let first = clamp(start, default: step < 0 ? high : low)
        let end = clamp(stop, default: step < 0 ? low : high)
        let distance = step < 0 ? first - end : end - first
        if distance <= 0 { return .range(first: 0, count: 0, step: 0) }
        let stride = step < 0 ? (step == Int.min ? Int.max : -step) : step
        let count = (distance - 1) / stride + 1
        return .range(first: first, count: count, step: count == 1 ? 0 : step)
    }
}
