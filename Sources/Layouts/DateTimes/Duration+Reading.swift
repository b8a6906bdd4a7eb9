extension Duration {
    /// Reads `P1DT2H3M4.5S` or a count of units in digits; nil if it is neither or the unit cannot hold it.
    package static func read(_ text: String, unit: TimeUnit) -> Int64? {
        if text == "NaT" { return DateTime.nat }
        if let count = Int64(text) { return count }
        var rest = Substring(text)
        let isNegative = rest.hasPrefix("-")
        if isNegative { rest.removeFirst() }
        guard rest.popFirst() == "P", !rest.isEmpty else { return nil }
        var total: Int128 = 0
        var isTime = false
        while !rest.isEmpty {
            if rest.first == "T", !isTime {
                isTime = true
                rest.removeFirst()
            }
            let number = rest.prefix { "0123456789.-+".contains($0) }
            rest.removeFirst(number.count)
            guard let letter = rest.popFirst(), let base = base(letter, isTime: isTime),
                let part = attoseconds(number, of: base, unit: unit)
            else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            if overflow { return nil }
            total = sum
        }
        guard let step = step(unit), total % step == 0 else { return nil }
        let count = total / step
        return count == .min ? nil : Int64(exactly: isNegative ? -count : count)
    }

    /// Reads a step as pandas writes it: a number, 1 if it is left out, and one of D, h, min, s, ms, us and ns.
    package static func readStep(_ text: String, unit: TimeUnit) -> Int64? {
        if text.first == "-" {
            guard text.dropFirst().first != "-", let step = readStep(String(text.dropFirst()), unit: unit) else {
                return nil
            }
            return -step
        }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let bases: [String: TimeUnit.Base] = [
            "D": .day, "h": .hour, "min": .minute, "s": .second, "ms": .millisecond, "us": .microsecond,
            "ns": .nanosecond,
        ]
        guard let base = bases[String(text.dropFirst(digits.count))], let number = digits.isEmpty ? 1 : Int64(digits)
        else { return nil }
        return convert(number, from: TimeUnit(base), to: unit)
    }

    /// A count of one unit as a count of another, if that is exact.
    package static func convert(_ count: Int64, from: TimeUnit, to: TimeUnit) -> Int64? {
        let areMonths = [TimeUnit.Base.year, .month]
        guard areMonths.contains(from.base) == areMonths.contains(to.base), let one = step(from), let other = step(to)
        else { return nil }
        let (total, overflow) = Int128(count).multipliedReportingOverflow(by: one)
        return overflow || total % other != 0 ? nil : Int64(exactly: total / other)
    }

    private static let attosecondsPerSecond = Int128(1_000_000_000_000_000_000)

    /// Attoseconds of a step of the unit; months for years and months.
    private static func step(_ unit: TimeUnit) -> Int128? {
        let multiple = Int128(unit.multiple)
        switch unit.base {
        case .year: return 12 * multiple
        case .month: return multiple
        default:
            if let seconds = unit.seconds { return Int128(seconds) * attosecondsPerSecond * multiple }
            guard let digits = unit.fractionDigits else { return nil }
            return attosecondsPerSecond / Int128(powerOfTen(digits)) * multiple
        }
    }

    private static func base(_ letter: Character, isTime: Bool) -> TimeUnit.Base? {
        switch (letter, isTime) {
        case ("Y", false): .year
        case ("M", false): .month
        case ("W", false): .week
        case ("D", false): .day
        case ("H", true): .hour
        case ("M", true): .minute
        case ("S", true): .second
        default: nil
        }
    }

    /// A number of units in attoseconds, or in months if both units are years or months.
    private static func attoseconds(_ number: Substring, of base: TimeUnit.Base, unit: TimeUnit) -> Int128? {
        let areMonths = [TimeUnit.Base.year, .month]
        guard areMonths.contains(base) == areMonths.contains(unit.base), let one = step(TimeUnit(base)) else {
            return nil
        }
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = Int64(first) else { return nil }
        let (total, overflow) = Int128(whole).multipliedReportingOverflow(by: one)
        if overflow { return nil }
        guard parts.count == 2 else { return total }
        guard base == .second, (1...18).contains(parts[1].count), let digits = UInt64(parts[1]),
            parts[1].first != "+"
        else {
            return nil
        }
        let fraction = Int128(digits) * Int128(powerOfTen(18 - parts[1].count))
        return first.hasPrefix("-") ? total - fraction : total + fraction
    }
}
