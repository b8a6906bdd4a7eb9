/// How much the segments whose names begin with a prefix may take together.
package struct SegmentLimit: Sendable, Equatable {
    /// What the names begin with; empty for all of them.
    package let prefix: String
    /// The most bytes of their files; nil for no limit.
    package let maxBytes: Int?
    /// The most of them; nil for no limit.
    package let maxCount: Int?

    /// A limit of these parts.
    package init(prefix: String, maxBytes: Int?, maxCount: Int?) {
        self.prefix = prefix
        self.maxBytes = maxBytes
        self.maxCount = maxCount
    }

    /// Whether it is about a name.
    func covers(_ name: SegmentName) -> Bool { prefix.isEmpty || name.description.hasPrefix(prefix) }

    /// Whether all names that it is about begin with another prefix: what is used of it is no secret to who sees these.
    package func isWithin(_ other: String) -> Bool { prefix.hasPrefix(other) }

    /// Whether some names that begin with another prefix are among those that it is about.
    package func concerns(_ other: String) -> Bool { isWithin(other) || other.hasPrefix(prefix) }

    /// Refuses what would go beyond it; says what is left, unless others' segments are part of that.
    ///
    /// What takes no more than is taken already is always allowed, also where that is too much.
    func check(
        _ wanted: SegmentUsage,
        isLeast: Bool,
        beside used: SegmentUsage,
        seeing visible: String
    ) throws(SegmentError) {
        let all = used + wanted
        let isTooLarge = wanted.exactBytes > 0 && maxBytes.map { all.exactBytes > Int128($0) } ?? false
        let isTooMany = wanted.count > 0 && maxCount.map { all.count > $0 } ?? false
        if !isTooLarge, !isTooMany { return }
        let whose = prefix.isEmpty ? "all segments" : "the segments whose names begin with \"\(prefix)\""
        let size = "\(isLeast ? "at least " : "")\(wanted.bytes)"
        let got = wanted.count > 0 ? "one more of \(size) bytes" : "\(size) bytes more for one that is there"
        if isWithin(visible) {
            throw .outOfSpace("expected no more than is left for \(whose), \(words(leaving: used)), got \(got)")
        }
        throw .outOfSpace(
            "expected no more than is left for \(whose), which may take \(words()), got \(got); "
                + "how much is left is not told to a token for names that begin with \"\(visible)\""
        )
    }

    /// The limit in words, and what is left of it beside `used`.
    private func words(leaving used: SegmentUsage? = nil) -> String {
        let bytes = maxBytes.map { Self.left($0, used?.bytes) + "\($0) bytes" }
        let count = maxCount.map { Self.left($0, used?.count) + "\($0) segments" }
        return [bytes, count].compactMap(\.self).joined(separator: " and ")
    }

    private static func left(_ most: Int, _ used: Int?) -> String { used.map { "\(max(most - $0, 0)) of " } ?? "" }
}

/// What some segments take together.
///
/// Files can have sizes whose sum no `Int` holds; inside it is exact, so that what was added can be taken away again.
package struct SegmentUsage: Sendable, Equatable {
    let exactBytes: Int128
    /// How many there are.
    package let count: Int
    /// Bytes of their files, headers included.
    package var bytes: Int { Int(clamping: exactBytes) }

    /// So much.
    package init(bytes: Int = 0, count: Int = 0) { self.init(exactly: Int128(bytes), count: count) }

    init(exactly bytes: Int128, count: Int) {
        exactBytes = bytes
        self.count = count
    }

    static func + (left: SegmentUsage, right: SegmentUsage) -> SegmentUsage {
        SegmentUsage(exactly: left.exactBytes + right.exactBytes, count: left.count + right.count)
    }

    static func - (left: SegmentUsage, right: SegmentUsage) -> SegmentUsage {
        SegmentUsage(exactly: left.exactBytes - right.exactBytes, count: left.count - right.count)
    }

    static func += (left: inout SegmentUsage, right: SegmentUsage) { left = left + right }

    static func -= (left: inout SegmentUsage, right: SegmentUsage) { left = left - right }
}
