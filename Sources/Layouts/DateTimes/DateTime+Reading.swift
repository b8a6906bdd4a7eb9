extension DateTime {
    /// What a text that should be an instant turned out to be.
    package enum Reading: Equatable {
        /// A count of units.
        case count(Int64)
        /// The text is no ISO 8601 date or date and time.
        case malformed
        /// An instant that the unit cannot hold: too fine, or too far away.
        case unrepresentable
    }

    /// Reads `2024`, `2024-01`, `2024-01-31`, with a time from `T12` to `T12:30:15.000000001`, a space for the `T`,
    /// and `Z` or an offset, which is taken off; `NaT` is NaT.
    ///
    /// Without an offset it is local time of the zone.
    package static func read(_ text: String, unit: TimeUnit, zone: TimeZone? = nil) -> Reading {
        if text == "NaT" { return .count(nat) }
        var parser = InstantParser(text)
        guard var instant = parser.parse() else { return .malformed }
        if let zone, instant.offset == nil, let local = Int64(exactly: instant.wholeSeconds) {
            instant.seconds += Int128(zone.instant(ofLocal: local) - local)
        }
        guard let count = instant.count(in: unit), count != nat else { return .unrepresentable }
        return .count(count)
    }
}

/// Year, month, and the seconds and attoseconds since the beginning of the month's first day.
struct Instant {
    var year: Int128
    var month = 1
    /// Since the first day of the month.
    var seconds: Int128 = 0
    var attoseconds: Int128 = 0
    /// The seconds that the text's own zone is ahead of UTC, taken off already; nil where the text has none.
    var offset: Int128?
    /// The smallest unit that the text wrote down.
    var resolution = TimeUnit.Base.year

    /// Seconds since 1970, the attoseconds left out.
    var wholeSeconds: Int128 { Calendar.days(year: year, month: month, day: 1) * 86_400 + seconds }

    /// The exact count of a unit; nil if there is none.
    func count(in unit: TimeUnit) -> Int64? {
        let perSecond: Int128 = 1_000_000_000_000_000_000
        if unit.base == .year || unit.base == .month {
            guard seconds == 0, attoseconds == 0 else { return nil }
            let months = (year - 1970) * 12 + Int128(month - 1)
            return exact(months, by: (unit.base == .year ? 12 : 1) * Int128(unit.multiple))
        }
        let whole = wholeSeconds
        if let length = unit.seconds {
            return attoseconds == 0 ? exact(whole, by: Int128(length) * Int128(unit.multiple)) : nil
        }
        guard let digits = unit.fractionDigits else { return nil }
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: Int128(powerOfTen(digits)))
        let step = perSecond / Int128(powerOfTen(digits))
        guard !overflow, attoseconds % step == 0 else { return nil }
        let (total, beyond) = scaled.addingReportingOverflow(attoseconds / step)
        return beyond ? nil : exact(total, by: Int128(unit.multiple))
    }

    private func exact(_ value: Int128, by step: Int128) -> Int64? {
        value % step == 0 ? Int64(exactly: value / step) : nil
    }
}

/// Reads an instant from left to right.
struct InstantParser {
    private let bytes: [UInt8]
    private var next = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func parse() -> Instant? {
        guard var instant = date() else { return nil }
        if next < bytes.count, bytes[next] == UInt8(ascii: "T") || bytes[next] == UInt8(ascii: " ") {
            next += 1
            guard time(into: &instant) else { return nil }
            if next < bytes.count {
                guard let offset = zone() else { return nil }
                instant.offset = offset
                instant.seconds -= offset
            }
        }
        return next == bytes.count ? instant : nil
    }

    private mutating func date() -> Instant? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard let year = digits(isNegative ? 3...19 : 4...19) else { return nil }  // NumPy writes -005
        var instant = Instant(year: isNegative ? -year : year)
        guard take("-") else { return instant }
        guard let month = digits(2...2), (1...12).contains(month) else { return nil }
        instant.month = Int(month)
        instant.resolution = .month
        guard take("-") else { return instant }
        guard let day = digits(2...2), day >= 1, day <= Calendar.daysInMonth(instant.month, of: instant.year)
        else { return nil }
        instant.seconds = (day - 1) * 86_400
        instant.resolution = .day
        return instant
    }

    private mutating func time(into instant: inout Instant) -> Bool {
        guard let hour = digits(2...2), hour < 24 else { return false }
        instant.seconds += hour * 3_600
        instant.resolution = .hour
        guard take(":") else { return true }
        guard let minute = digits(2...2), minute < 60 else { return false }
        instant.seconds += minute * 60
        instant.resolution = .minute
        guard take(":") else { return true }
        guard let second = digits(2...2), second < 60 else { return false }
        instant.seconds += second
        instant.resolution = .second
        guard take(".") else { return true }
        let start = next
        guard let fraction = digits(1...18) else { return false }
        let units: [TimeUnit.Base] = [
            .millisecond, .microsecond, .nanosecond, .picosecond, .femtosecond, .attosecond,
        ]
        instant.attoseconds = fraction * Int128(powerOfTen(18 - (next - start)))
        instant.resolution = units[(next - start - 1) / 3]
        return true
    }

    /// The seconds that a zone is ahead of UTC.
    private mutating func zone() -> Int128? {
        if take("Z") { return 0 }
        let isNegative = take("-")
        guard isNegative || take("+"), let hours = digits(2...2), hours < 24 else { return nil }
        _ = take(":")
        let minutes = next < bytes.count ? digits(2...2) : 0
        guard let minutes, minutes < 60 else { return nil }
        let offset = hours * 3_600 + minutes * 60
        return isNegative ? -offset : offset
    }

    private mutating func digits(_ count: ClosedRange<Int>) -> Int128? {
        let start = next
        var value: Int128 = 0
        while next < bytes.count, next - start < count.upperBound,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[next])
        {
            value = value * 10 + Int128(bytes[next] - UInt8(ascii: "0"))
            next += 1
        }
        return next - start >= count.lowerBound ? value : nil
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next < bytes.count, bytes[next] == UInt8(ascii: character) else { return false }
        next += 1
        return true
    }
}
