internal import Documents

/// One value that a request looks for among labels.
struct LabelQuery {
    /// The least key that is not before it.
    var first: LabelKey
    /// The greatest key that is not after it.
    var last: LabelKey
    /// The one key that it is; nil where no label can be it.
    var exact: LabelKey?
    /// Whether a text named a span of time that is coarser than the labels' own resolution.
    var isSpan = false
    /// The number itself, where keys round it; for distances.
    var number: Double?
    /// Whether it is NaN or NaT, which compares with nothing.
    var isNothing = false

    /// A key that is itself.
    init(_ key: LabelKey) {
        first = key
        last = key
        exact = key
    }

    /// Reads a bare word by the dtype of the labels, or a JSON value.
    init(_ term: LabelSelection.Term, for index: LabelIndex) throws {
        try self.init(term, among: index.contents.labels) { try index.facts().resolution }
    }

    /// The same where the labels' own resolution, if they are instants, is told by a closure.
    init(
        _ term: LabelSelection.Term,
        among labels: Labels,
        resolution: () throws -> TimeUnit.Base = { .nanosecond }
    ) throws {
        switch term {
        case .word(let word): try self.init(word, isText: false, labels, resolution)
        case .json(let json): try self.init(json, labels, resolution)
        }
    }

    private init(
        _ word: String,
        isText: Bool,
        _ labels: Labels,
        _ resolution: () throws -> TimeUnit.Base
    ) throws {
        switch labels {
        case .texts: self.init(.text(Array(word.utf8)))
        case .range: try self.init(number: word, KeyCoding(DType(.int64)), isText: isText)
        case .elements(let dtype, _, let zone):
            switch dtype.element {
            case .datetime(let unit): try self.init(instant: word, unit, zone, resolution)
            case .timedelta(let unit):
                guard let count = Duration.read(word, unit: unit) ?? Duration.readStep(word, unit: unit) else {
                    throw Self.mismatch(word, dtype)
                }
                self.init(.number(Int128(count)))
            case .bool:
                guard let flag = ["true": 1, "false": 0, "True": 1, "False": 0][word] else {
                    throw Self.mismatch(word, dtype)
                }
                self.init(.number(Int128(flag)))
            default: try self.init(number: word, KeyCoding(dtype), isText: isText, dtype)
            }
        }
    }

    /// Reads a JSON value: a string is a text, whatever it looks like.
    private init(_ json: JSONValue, _ labels: Labels, _ resolution: () throws -> TimeUnit.Base) throws {
        switch json {
        case .string(let text): try self.init(text, isText: true, labels, resolution)
        case .bool(let flag): try self.init(flag ? "true" : "false", isText: false, labels, resolution)
        case .number, .null:
            if case .texts = labels {
                throw LayoutError.noSuchLabel("expected a string among labels that are strings, got \(text(of: json))")
            }
            try self.init(json == .null ? "NaT" : text(of: json), isText: false, labels, resolution)
        default: throw LayoutError.invalidQuery("expected a label, got a list or an object")
        }
    }

    private init(
        number word: String,
        _ coding: KeyCoding,
        isText: Bool,
        _ dtype: DType = DType(.int64)
    ) throws {
        if isText { throw LayoutError.noSuchLabel("expected a number among labels of \(dtype), got a string") }
        if !coding.isFloat, let value = Int128(word) {
            // Beyond every label of 64 bits, but not so far that distances overflow.
            self.init(.number(min(max(value, -(1 << 66)), 1 << 66)))
            return
        }
        guard let value = Self.decimal(word) ?? (["NaN", "NaT"].contains(word) ? Double.nan : nil) else {
            throw Self.mismatch(word, dtype)
        }
        let bounds = coding.bounds(value)
        self.init(.number(bounds.first))
        last = .number(bounds.last)
        exact = bounds.first == bounds.last ? first : nil
        number = value
        isNothing = value.isNaN
    }

    private init(
        instant word: String,
        _ unit: TimeUnit,
        _ zoneName: String?,
        _ resolution: () throws -> TimeUnit.Base
    ) throws {
        let zone = zoneName.flatMap(TimeZone.named)
        if word == "NaT" {
            self.init(.number(Int128(DateTime.nat)))
            isNothing = true
            return
        }
        // In a query `+` is a space: before an offset it is a plus again.
        let word = Self.restoringPlus(word)
        guard let span = TimeSpan(word, unit: unit, zone: zone) else {
            throw Self.mismatch(word, DType(.datetime(unit)))
        }
        if span.hasOffset, zoneName == nil {
            throw LayoutError.invalidQuery(
                "expected a time without an offset, for the labels have no zone, got \(word)"
            )
        }
        self.init(.number(Int128(span.counts.first)))
        last = .number(Int128(span.counts.last))
        exact = nil
        if case .count(let count) = DateTime.read(word, unit: unit, zone: zone) { exact = .number(Int128(count)) }
        isSpan = try resolution().isFiner(than: span.resolution)
    }

    private static func restoringPlus(_ word: String) -> String {
        guard let space = word.lastIndex(of: " ") else { return word }
        let tail = word[word.index(after: space)...]
        let isOffset = [2, 4, 5].contains(tail.utf8.count) && tail.allSatisfy { $0.isNumber || $0 == ":" }
        // "2024-01-01 12:30" ends in a time, "2024-01-01T12:30 02:00" in an offset.
        let hasTime = word[..<space].contains { $0 == "T" || $0 == " " }
        return isOffset && hasTime ? word[..<space] + "+" + tail : word
    }

    /// A number in decimal; Swift would take hexadecimal ones too.
    private static func decimal(_ word: String) -> Double? {
        word.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "x") }) ? nil : Double(word)
    }

    private static func mismatch(_ word: String, _ dtype: DType) -> LayoutError {
        .noSuchLabel("expected a label of \(dtype), got \(quoted(word))")
    }
}

extension TimeUnit.Base {
    /// Whether this unit is shorter.
    func isFiner(than other: TimeUnit.Base) -> Bool {
        let order = Self.allCases
        return (order.firstIndex(of: self) ?? 0) > (order.firstIndex(of: other) ?? 0)
    }
}
