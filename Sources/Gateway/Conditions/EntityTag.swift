internal import MicroHTTP
internal import Segments

/// The `ETag` of a segment: which one it is, and how often it was written.
struct EntityTag: Equatable {
    var uuid: UUID
    var sequence: UInt64

    /// The field's value; a representation other than the default has its name at the end.
    func text(_ suffix: String = "") -> String { "\"\(uuid)-\(sequence)\(suffix.isEmpty ? "" : "-" + suffix)\"" }
}

/// The value of `If-Match` or `If-None-Match`.
struct TagCondition {
    /// Whether it is `*`, which any tag matches.
    private(set) var isAny = false
    private var tags: [String] = []

    /// Reads the lines of the field; nil if there are none.
    init?(_ lines: [String], allowsWeak: Bool) throws(Problem) {
        if lines.isEmpty { return nil }
        for line in lines {
            var rest = Substring(line).trimmed
            if rest == "*" {
                isAny = true
                continue
            }
            while !rest.isEmpty {
                if rest.first == "," {  // an empty member of the list, which counts for nothing
                    rest = rest.dropFirst().trimmed
                    continue
                }
                let isWeak = rest.hasPrefix("W/")
                if isWeak { rest = rest.dropFirst(2) }
                guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else {
                    throw Problem(.invalidHeader, "expected entity tags in quotes or *, got \(line)")
                }
                if allowsWeak || !isWeak { tags.append(String(rest[...end])) }
                rest = rest[rest.index(after: end)...].trimmed
                if rest.first == "," {
                    rest = rest.dropFirst().trimmed
                } else if !rest.isEmpty {
                    throw Problem(.invalidHeader, "expected a comma between entity tags, got \(line)")
                }
            }
        }
    }

    /// The tag that is this one, perhaps of the same bytes packed, or any for `*`; for reading.
    func match(_ text: String) -> String? {
        if isAny { return text }
        return tags.first { tag in
            tag == text
                || Self.codings.contains { tag.hasSuffix("-\($0)\"") && tag.dropLast($0.count + 2) == text.dropLast() }
        }
    }

    /// What a packed representation has at the end of its tag.
    private static let codings = ["gzip", "zstd"]

    /// Whether one of the tags has this segment and sequence, whatever its representation: for writing.
    func matches(_ tag: EntityTag) -> Bool {
        let start = tag.text().dropLast()
        return isAny
            || tags.contains { $0.hasPrefix(start) && ["\"", "-"].contains($0.dropFirst(start.count).first) }
    }
}

/// What `If-Match` and `If-None-Match` demand of a segment before it is changed.
struct WriteCondition {
    private let match: TagCondition?
    private let noneMatch: TagCondition?

    /// Reads both fields.
    init(_ exchange: Exchange) throws(Problem) {
        match = try TagCondition(exchange.headers("If-Match"), allowsWeak: false)
        noneMatch = try TagCondition(exchange.headers("If-None-Match"), allowsWeak: true)
    }

    /// Whether nothing is demanded.
    var isEmpty: Bool { match == nil && noneMatch == nil }

    /// Refuses a write to a segment whose tag is now another one than expected; nil is a segment without a tag.
    func check(_ tag: EntityTag?) throws(SegmentError) {
        guard let tag else {
            if match == nil, noneMatch == nil { return }
            throw .preconditionFailed("expected a tag that matches, the segment is corrupt and has none")
        }
        if let match, !match.matches(tag) {
            throw .preconditionFailed("expected a segment that If-Match names, it is \(tag.text()) now")
        }
        if let noneMatch, noneMatch.matches(tag) {
            throw .preconditionFailed("expected a segment that If-None-Match does not name, it is \(tag.text()) now")
        }
    }
}

extension Substring {
    /// Without the blanks at both ends.
    var trimmed: Substring {
        var text = self.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
