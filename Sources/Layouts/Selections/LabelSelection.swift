package import Documents

/// How to take a label that is not there.
package enum LabelMethod: String, CaseIterable, Sendable {
    /// The label before it.
    case ffill
    /// The label after it.
    case bfill
    /// The one that is closer; of two at the same distance the greater.
    case nearest
}

/// What `sel.<dim>=` says: a value, a list of them, or a range of which both ends belong to it.
package enum LabelSelection: Sendable {
    case value(Term)
    case list([JSONValue])
    case range(from: Term?, through: Term?)

    /// A bare word, or a JSON value.
    package enum Term: Equatable, Sendable {
        case word(String)
        case json(JSONValue)
    }

    /// Reads the text of a query parameter.
    package init(_ text: String) throws(LayoutError) {
        if text.first == "[" {
            guard case .array(let items) = Self.json(text) else {
                throw .invalidQuery("expected a JSON list of labels, got \(quoted(text))")
            }
            self = .list(items)
            return
        }
        if text.first == "\"", let value = Self.json(text) {
            self = .value(.json(value))
            return
        }
        guard let dots = Self.dots(in: text) else {
            if text.first == "\"" { throw .invalidQuery("expected a JSON string, got \(quoted(text))") }
            self = .value(.word(text))
            return
        }
        self = .range(
            from: try Self.term(text[..<dots.lowerBound]),
            through: try Self.term(text[dots.upperBound...])
        )
    }

    /// Reads the value of a member of `sel` in a body: a string as the text of a query.
    package init(_ json: JSONValue) throws(LayoutError) {
        switch json {
        case .string(let text): try self.init(text)
        case .array(let items): self = .list(items)
        default: self = .value(.json(json))
        }
    }

    /// Where the range is cut: the first two dots that are not inside a string.
    private static func dots(in text: String) -> Range<String.Index>? {
        var isInString = false
        var isEscaped = false
        var place = text.startIndex
        while place < text.endIndex {
            let character = text[place]
            let next = text.index(after: place)
            if isInString {
                if !isEscaped, character == "\"" { isInString = false }
                isEscaped = !isEscaped && character == "\\"
            } else if character == "\"", place == text.startIndex || text[..<place].hasSuffix("..") {
                isInString = true
            } else if character == ".", next < text.endIndex, text[next] == "." {
                return place..<text.index(after: next)
            }
            place = next
        }
        return nil
    }

    private static func term(_ text: Substring) throws(LayoutError) -> Term? {
        if text.isEmpty { return nil }
        guard text.first == "\"" else { return .word(String(text)) }
        guard let value = json(String(text)) else {
            throw .invalidQuery("expected a JSON string as an end of the range, got \(quoted(String(text)))")
        }
        return .json(value)
    }

    private static func json(_ text: String) -> JSONValue? {
        var text = text
        return text.withUTF8 { bytes in
            var reader = JSONReader(UnsafeRawBufferPointer(bytes))
            guard let value = try? reader.value(), (try? reader.finish()) != nil else { return nil }
            return value
        }
    }
}

extension LabelIndex {
    /// So many positions a list of labels may pick, or as many as there are labels.
    private static let mostPicked = 1 << 20

    /// The positions that a selection picks; what is not there is ``LayoutError/noSuchLabel(_:)``.
    ///
    /// The tolerance is a text: a number, or for times a length of time.
    package func pick(
        _ selection: LabelSelection,
        method: LabelMethod? = nil,
        tolerance: String? = nil
    ) throws -> AxisPick {
        switch selection {
        case .value(let term):
            let query = try query(term)
            if let method { return .position(try position(query, method, tolerance, term)) }
            if query.isSpan { return try span(query, term) }
            guard let key = query.exact, let pick = try pick(of: key) else { throw missing(term) }
            return pick
        case .list(let items):
            if let method {
                try requireUnique(for: method)
                // pandas asks for no order where every label is named in its place.
                if try isAll(items) { return Self.pick(0..<count) }
            }
            var positions: [Int] = []
            for item in items {
                let query = try LabelQuery(.json(item), for: self)
                if let method {
                    positions.append(try position(query, method, tolerance, .json(item)))
                } else if let key = query.exact, let pick = try pick(of: key) {
                    guard positions.count <= max(count, Self.mostPicked) - (pick.count ?? 1) else {
                        throw LayoutError.invalidQuery(
                            "expected a list that picks at most \(max(count, Self.mostPicked)) positions, got more"
                        )
                    }
                    positions += pick.positions
                } else {
                    throw missing(.json(item))
                }
            }
            return .list(positions)
        case .range(let first, let last):
            if first != nil || last != nil, case .elements(let dtype, _, _) = contents.labels, dtype.element == .bool {
                throw LayoutError.invalidQuery("expected a label or a list of them, for bools have no ranges")
            }
            if method != nil { throw LayoutError.invalidQuery("expected no method beside a range of labels") }
            return try range(first, last)
        }
    }

    private func query(_ term: LabelSelection.Term) throws -> LabelQuery { try LabelQuery(term, for: self) }

    /// A span of time: the labels in it, which may be none unless it lies outside of all of them.
    private func span(_ query: LabelQuery, _ term: LabelSelection.Term) throws -> AxisPick {
        switch try facts().order {
        case .ascending:
            if count > 0, try query.last < key(at: 0) || query.first > key(at: count - 1) {
                throw missing(term)
            }
            return Self.pick(try positions(from: query.first, through: query.last))
        case .descending, .none:
            if try facts().order == .descending, try query.last < key(at: count - 1) || query.first > key(at: 0) {
                throw missing(term)
            }
            let positions = try positions(between: query.first, and: query.last)
            return .list(positions)
        }
    }

    /// An end of a range; among instants it has to be one.
    private func end(_ term: LabelSelection.Term) throws -> LabelQuery {
        guard hasInstants else { return try query(term) }
        do { return try query(term) } catch LayoutError.noSuchLabel(let text) { throw LayoutError.invalidQuery(text) }
    }

    private func range(_ first: LabelSelection.Term?, _ last: LabelSelection.Term?) throws -> AxisPick {
        let start = try first.map(end)
        let end = try last.map(end)
        if hasInstants, try facts().order != .ascending { return try instants(start, end, first ?? last) }
        switch try facts().order {
        case .ascending:
            let low = try start.map { try insertion(of: $0.first) } ?? 0
            let high = try end.map { try positions(from: $0.last, through: $0.last).upperBound } ?? count
            return Self.pick(low..<max(low, high))
        case .descending:
            let low = try start.map { try insertion(of: $0.last) } ?? 0
            let high = try end.map { try positions(from: $0.first, through: $0.first).upperBound } ?? count
            return Self.pick(low..<max(low, high))
        case .none:
            let low = try both(start, first).map { try place(of: $0, $1).lowerBound } ?? 0
            let high = try both(end, last).map { try place(of: $0, $1).upperBound } ?? count
            return Self.pick(low..<max(low, high))
        }
    }

    /// Whether labels are instants.
    private var hasInstants: Bool {
        if case .elements(let dtype, _, _) = contents.labels, case .datetime = dtype.element { return true }
        return false
    }

    /// All instants between two that do not stand in ascending order; as in pandas the ends have to be among them.
    private func instants(_ start: LabelQuery?, _ end: LabelQuery?, _ term: LabelSelection.Term?) throws -> AxisPick {
        guard let term else { return Self.pick(0..<count) }
        for bound in [start?.first, end?.last] {
            if let bound, try pick(of: bound) == nil { throw missing(term) }
        }
        let positions = try positions(between: start?.first, and: end?.last)
        return positions.count == count ? Self.pick(0..<count) : .list(positions)
    }

    /// Where a label of a range lies among labels without an order: it has to be there, and its equals side by side.
    private func place(of query: LabelQuery, _ term: LabelSelection.Term) throws -> Range<Int> {
        guard let key = query.exact, let pick = try pick(of: key) else { throw missing(term) }
        let positions = pick.positions
        guard let first = positions.first, let last = positions.last, last - first + 1 == positions.count else {
            throw LayoutError.noSuchLabel(
                "expected a range of labels that end in unique ones, \(name(term)) occurs twice"
            )
        }
        return first..<(last + 1)
    }

    /// Whether a list is all labels in their order.
    private func isAll(_ items: [JSONValue]) throws -> Bool {
        guard items.count == count else { return false }
        for (position, item) in items.enumerated() {
            guard let key = try LabelQuery(.json(item), for: self).exact, try self.key(at: position) == key else {
                return false
            }
        }
        return true
    }

    private func requireUnique(for method: LabelMethod) throws {
        guard try isUnique() else {
            throw LayoutError.invalidQuery("expected unique labels for method=\(method.rawValue)")
        }
        if method == .nearest, !hasDistance {
            throw LayoutError.invalidQuery("expected labels with a distance for method=nearest, got strings or bools")
        }
    }

    /// Whether labels are numbers or times.
    private var hasDistance: Bool {
        switch contents.labels {
        case .range: true
        case .elements(let dtype, _, _): dtype.element != .bool
        case .texts: false
        }
    }

    /// The position that a method gives to a label that need not be there.
    private func position(
        _ query: LabelQuery,
        _ method: LabelMethod,
        _ tolerance: String?,
        _ term: LabelSelection.Term
    ) throws -> Int {
        try requireUnique(for: method)
        let facts = try facts()
        if facts.order == .none {
            throw LayoutError.invalidQuery("expected labels in order for method=\(method.rawValue)")
        }
        // A date is its first instant here, not a span.
        let query = query.exact.map { LabelQuery($0) } ?? query
        let place = try insertion(of: facts.order == .descending ? query.last : query.first)
        let before = place > 0 ? place - 1 : nil
        let after = place < count ? place : nil
        let isExact = try after.map { try key(at: $0) == query.exact } ?? false
        let chosen: Int?
        switch method {
        case _ where isExact: chosen = after
        case .ffill: chosen = before
        case .bfill: chosen = after
        case .nearest:
            let left = try before.map { try distance(query, to: $0) }
            let right = try after.map { try distance(query, to: $0) }
            switch (left, right) {
            case (let left?, let right?):
                chosen = facts.order == .ascending ? (left < right ? before : after) : (left <= right ? before : after)
            default: chosen = before ?? after
            }
        }
        guard let chosen else { throw missing(term) }
        if let tolerance, try distance(query, to: chosen) > limit(tolerance) { throw missing(term) }
        return chosen
    }

    private func distance(_ query: LabelQuery, to position: Int) throws -> Double {
        guard case .number(let label) = try key(at: position), case .number(let wanted) = query.first else {
            throw LayoutError.invalidQuery("expected labels with a distance, got strings")
        }
        let coding = coding ?? KeyCoding(DType(.int64))
        if coding.isFloat { return (coding.value(label) - coding.value(wanted)).magnitude }
        if let number = query.number { return (coding.value(label) - number).magnitude }
        return Double((label - wanted).magnitude)
    }

    private func limit(_ tolerance: String) throws -> Double {
        if case .elements(let dtype, _, _) = contents.labels {
            switch dtype.element {
            case .datetime(let unit), .timedelta(let unit):
                if let count = Duration.read(tolerance, unit: unit) ?? Duration.readStep(tolerance, unit: unit),
                    count >= 0
                {
                    return Double(count)
                }
                throw LayoutError.invalidQuery("expected a tolerance such as 1h, PT1H or a count of \(unit)")
            default: break
            }
        }
        guard let number = Double(tolerance), number >= 0 else {
            throw LayoutError.invalidQuery("expected a tolerance of 0 or more, got \(quoted(tolerance))")
        }
        return number
    }

    private func missing(_ term: LabelSelection.Term) -> LayoutError {
        .noSuchLabel("there is no label \(name(term)) among \(count)")
    }

    private func name(_ term: LabelSelection.Term) -> String {
        switch term {
        case .word(let word): quoted(word)
        case .json(let json): text(of: json)
        }
    }
}

/// Both of two optionals, or nil.
private func both<One, Other>(_ one: One?, _ other: Other?) -> (One, Other)? {
    one.flatMap { one in other.map { (one, $0) } }
}
