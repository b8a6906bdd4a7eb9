/// The instants that a text names: `2024-01` all of the month, `2024-01-31T12:00:00.5` a millisecond.
struct TimeSpan {
    /// The first count of the unit that lies in it, and the last; they cross where none does.
    var counts: ClosedCounts
    /// The smallest unit that the text wrote down.
    var resolution: TimeUnit.Base
    /// Whether the text named its own offset from UTC.
    var hasOffset: Bool

    /// Two counts, both included.
    struct ClosedCounts: Equatable {
        var first: Int64
        var last: Int64
    }

    /// Reads a text as counts of a unit of a second or finer; without an offset of its own it is local time of the zone.
    ///
    /// Nil where the text is no date or date and time. Counts beyond the unit's range are clamped to it.
    init?(_ text: String, unit: TimeUnit, zone: TimeZone?) {
        var parser = InstantParser(text)
        guard let instant = parser.parse(), let digits = unit.fractionDigits else { return nil }
        let zone = instant.offset == nil ? zone : nil
        let next = instant.next
        counts = ClosedCounts(
            first: Self.clamped(Self.ceiling(instant, digits: digits, zone)),
            last: Self.clamped(Self.ceiling(next, digits: digits, zone) - 1)
        )
        resolution = instant.resolution
        hasOffset = instant.offset != nil
    }

    /// The least count that is not before an instant.
    private static func ceiling(_ instant: Instant, digits: Int, _ zone: TimeZone?) -> Int128 {
        var seconds = instant.wholeSeconds
        if let zone, let local = Int64(exactly: seconds) { seconds = Int128(zone.instant(ofLocal: local)) }
        let step: Int128 = 1_000_000_000_000_000_000 / Int128(powerOfTen(digits))
        return seconds * Int128(powerOfTen(digits)) + (instant.attoseconds + step - 1) / step
    }

    /// A count that the unit has; the least one is NaT.
    private static func clamped(_ count: Int128) -> Int64 {
        Int64(clamping: max(count, Int128(Int64.min) + 1))
    }
}

extension Instant {
    /// Where the next span of the same resolution begins.
    var next: Instant {
        var next = self
        switch resolution {
        case .year: next.year += 1
        case .month:
            next.month = month == 12 ? 1 : month + 1
            if month == 12 { next.year += 1 }
        default:
            let unit = TimeUnit(resolution)
            if let length = unit.seconds {
                next.seconds += Int128(length)
            } else {
                next.attoseconds += 1_000_000_000_000_000_000 / Int128(powerOfTen(unit.fractionDigits ?? 0))
            }
        }
        return next
    }
}
