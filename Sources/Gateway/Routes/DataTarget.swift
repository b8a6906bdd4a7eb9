internal import Layouts
internal import Representations
internal import Segments

/// The member of a segment that a data request means, and what it picks of it.
struct DataTarget {
    let open: OpenSegment
    let placed: PlacedMember
    /// Whether the member is the segment itself.
    let isRoot: Bool
    /// One for each axis of the member.
    let picks: [AxisPick]
    /// Columns of a dataframe by number; nil for all.
    let columns: [Int]?
    /// Conditions that rows have to satisfy beside.
    let conditions: [RowCondition]

    var segment: Segment { open.segment }

    /// Finds the member and applies slice and labels.
    ///
    /// Leaves the event thread where labels have to be read through for the first time.
    init(_ open: OpenSegment, path: [String], _ request: SelectionRequest, _ context: RequestContext) throws {
        self.open = open
        placed = try open.header.layout.member(path[...])
        isRoot = path.isEmpty
        picks = try Self.picks(request, placed, open, context)
        columns = try Self.columns(request, placed)
        conditions = request.conditions
        try Self.requireCountable(placed, picks, columns, open)
        if !conditions.isEmpty { try Self.checkRows(placed, picks) }
    }

    /// Refuses a selection whose bytes no machine can count: index lists may name a position again and again.
    private static func requireCountable(
        _ placed: PlacedMember,
        _ picks: [AxisPick],
        _ columns: [Int]?,
        _ open: OpenSegment
    ) throws {
        guard case .layout(let node) = placed.member else {
            return try requireCountable(
                picks,
                itemBytes: open.header.arrays[safe: placed.firstArray]?.dtype.byteCount ?? 8
            )
        }
        let arrays = open.header.arrays[placed.firstArray..<(placed.firstArray + node.arrays.count)]
        let itemBytes = arrays.map(\.dtype.byteCount).max() ?? 1
        var count = 1
        if case .dataframe(let layout) = node.form { count = max(columns?.count ?? layout.columns.count, 1) }
        try requireCountable(picks, itemBytes: itemBytes.multipliedClamped(by: count))
    }

    private static func requireCountable(_ picks: [AxisPick], itemBytes: Int) throws(Problem) {
        guard let bytes = product(picks.compactMap(\.count), times: itemBytes), bytes <= Int.max / 64 else {
            throw Problem(.tooLarge, "expected a selection that a machine can hold, got more")
        }
    }

    /// Whether the member can only be read.
    var isReadOnly: Bool {
        if case .labels = placed.member { return true }
        return false
    }

    /// The layout, if the member is one.
    var form: LayoutForm? {
        if case .layout(let node) = placed.member { return node.form }
        return nil
    }

    /// What the picks leave, rows given by `picks` in place of the target's own.
    func excerpt(_ parts: inout ExcerptParts, picks: [AxisPick]? = nil) -> Excerpt {
        open.maker.excerpt(placed, picks ?? self.picks, columns: columns, into: &parts)
    }

    /// Whether a plan with this excerpt and these parts takes so little memory that many of them can be kept.
    ///
    /// A label that stands at a million rows picks a million positions, a frame has a part for each column, and a
    /// structure without any array may have a hundred thousand members.
    func mayKeep(_ excerpt: Excerpt, _ parts: ExcerptParts) -> Bool {
        let positions = picks.reduce(0) { sum, pick in
            if case .list(let positions) = pick { sum + positions.count } else { sum }
        }
        return positions * 8 + excerpt.footprint + parts.footprint <= Self.mostKeptBytes
    }

    private static let mostKeptBytes = 20 << 10

    private static func picks(
        _ request: SelectionRequest,
        _ placed: PlacedMember,
        _ open: OpenSegment,
        _ context: RequestContext
    ) throws -> [AxisPick] {
        let shape = placed.axes.map(\.extent)
        var picks = try (request.slice ?? .whole).picks(of: shape)
        if request.labels.isEmpty { return picks }
        let items = try (request.slice ?? .whole).isWhole(rank: shape.count)
        for (dim, selection) in request.labels {
            guard let axis = placed.axes.firstIndex(where: { $0.name == dim }) else {
                let names = placed.axes.compactMap(\.name).joined(separator: ", ")
                throw Problem(
                    .invalidQuery,
                    names.isEmpty
                        ? "there are no dimensions with labels here, got sel.\(dim)"
                        : "expected one of the dimensions \(names), got \"\(dim)\""
                )
            }
            guard items[axis] else {
                throw Problem(.invalidQuery, "expected slice and sel to name different dimensions, both name \(dim)")
            }
            let (contents, first) = placed.axes[axis].labels ?? (.range(0, placed.axes[axis].extent), 0)
            let index = open.index(contents, first)
            try context.leaveEventThread(for: index.searchByteCount(selection, method: request.method))
            picks[axis] = try index.pick(selection, method: request.method, tolerance: request.tolerance)
        }
        return picks
    }

    private static func columns(_ request: SelectionRequest, _ placed: PlacedMember) throws -> [Int]? {
        guard let names = request.columns else { return nil }
        guard case .layout(let node) = placed.member, case .dataframe(let layout) = node.form else {
            throw Problem(.invalidQuery, "expected columns for a dataframe, this is none")
        }
        return try names.map { name in try layout.column(name) }
    }

    private static func checkRows(_ placed: PlacedMember, _ picks: [AxisPick]) throws {
        guard case .layout(let node) = placed.member, picks.first?.count != nil else {
            throw Problem(.invalidQuery, "expected where for the rows of a dataframe or series")
        }
        switch node.form {
        case .dataframe, .series: return
        default: throw Problem(.invalidQuery, "expected where for a dataframe or series, this is a \(node.kind)")
        }
    }
}

extension Slice {
    /// For each axis whether the slice leaves it whole.
    func isWhole(rank: Int) throws -> [Bool] {
        try expanded(rank: rank).map { $0 == .range(start: nil, stop: nil, step: nil) }
    }
}

extension JSONOptions {
    /// Takes the parameters that choose spellings.
    init(_ query: inout Query) throws(Problem) {
        self.init()
        nanAsString = try query.take("nan", from: [("null", false), ("string", true)], default: false)
        int64AsString = try query.take("int64", from: [("number", false), ("string", true)], default: false)
        timedeltaAsISO = try query.take("timedelta", from: [("integer", false), ("iso", true)], default: false)
        replacesInvalidText = try query.take("text", from: [("base64", false), ("replace", true)], default: false)
    }
}

extension Array {
    /// The element at a position; nil where there is none.
    fileprivate subscript(safe position: Int) -> Element? { indices.contains(position) ? self[position] : nil }
}
