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

    /// Refuses what would go beyond it, and says what is left.
    func check(_ wanted: SegmentUsage, beside used: SegmentUsage) throws(SegmentError) {
        let whose = prefix.isEmpty ? "all segments" : "the segments whose names begin with \"\(prefix)\""
        if let maxBytes, wanted.bytes > 0, wanted.bytes > maxBytes - used.bytes {
            throw .outOfSpace(
                "expected at most \(max(maxBytes - used.bytes, 0)) more bytes, which is what is left of the \(maxBytes) "
                    + "for \(whose), got \(wanted.bytes)"
            )
        }
        if let maxCount, wanted.count > 0, used.count + wanted.count > maxCount {
            throw .outOfSpace("expected no segment more: there may be \(maxCount) of \(whose), and none is left")
        }
    }
}

/// What some segments take together.
package struct SegmentUsage: Sendable, Equatable {
    /// Bytes of their files, headers included.
    package var bytes = 0
    /// How many there are.
    package var count = 0

    static func += (left: inout SegmentUsage, right: SegmentUsage) {
        left.bytes = left.bytes.addedClamped(right.bytes)
        left.count += right.count
    }

    static func -= (left: inout SegmentUsage, right: SegmentUsage) {
        left.bytes -= right.bytes
        left.count -= right.count
    }
}

extension Int {
    fileprivate func addedClamped(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
