package import Documents

/// Instants as ISO 8601 text.
package enum DateTime {
    /// The count that means "not a time".
    package static let nat = Int64.min

    /// Appends `2024-01-01T00:00:00.5`: always with a time, the fraction without trailing zeros, no zone.
    ///
    /// `count` is not NaT.
    ///
    /// `isPadded` writes all digits of the unit's fraction, so that the instants of a column look alike.
    package static func append(_ count: Int64, unit: TimeUnit, isPadded: Bool = false, to text: inout ByteBuffer) {
        if unit.multiple == 1, abs(count >> 1) < 1 << 58 {
            write(Int(count), unit, isPadded, to: &text)
        } else {
            write(Int128(count) * Int128(unit.multiple), unit, isPadded, to: &text)
        }
    }

    /// Whether an instant lies between two seconds.
    package static func hasFraction(_ count: Int64, unit: TimeUnit) -> Bool {
        guard let digits = unit.fractionDigits, digits > 0, count != nat else { return false }
        return Int128(count) * Int128(unit.multiple) % Int128(powerOfTen(digits)) != 0
    }

    /// Appends `+01:00`; the seconds that an old offset may have are left out.
    package static func append(offset seconds: Int64, to text: inout ByteBuffer) {
        let minutes = Int(seconds.magnitude / 60)
        text.append(UInt8(ascii: seconds < 0 ? "-" : "+"))
        writeTwo(minutes / 60, to: &text)
        text.append(UInt8(ascii: ":"))
        writeTwo(minutes % 60, to: &text)
    }

    /// Splits a count of base units into date, seconds of the day and fraction, and writes them.
    private static func write<Number: FixedWidthInteger & SignedInteger>(
        _ total: Number,
        _ unit: TimeUnit,
        _ isPadded: Bool,
        to text: inout ByteBuffer
    ) {
        switch unit.base {
        case .year: writeDate(year: 1970 + total, month: 1, day: 1, to: &text)
        case .month:
            let years = floorDivide(total, 12)
            writeDate(year: 1970 + years, month: Int(total - years * 12) + 1, day: 1, to: &text)
        case .week: writeDays(total * 7, to: &text)
        case .day: writeDays(total, to: &text)
        case .hour, .minute:
            let perDay: Number = unit.base == .hour ? 24 : 1_440
            let days = floorDivide(total, perDay)
            writeDays(days, secondOfDay: Int(total - days * perDay) * (unit.base == .hour ? 3_600 : 60), to: &text)
            return
        default:
            let digits = unit.fractionDigits ?? 0
            let perSecond = Number(powerOfTen(digits))
            let seconds = floorDivide(total, perSecond)
            let days = floorDivide(seconds, 86_400)
            writeDays(days, secondOfDay: Int(seconds - days * 86_400), to: &text)
            writeFraction(Int(total - seconds * perSecond), digits: digits, isPadded: isPadded, to: &text)
            return
        }
        if unit.base == .year || unit.base == .month { text.append("T00:00:00") }
    }

    private static func writeDays<Number: FixedWidthInteger & SignedInteger>(
        _ days: Number,
        secondOfDay: Int = 0,
        to text: inout ByteBuffer
    ) {
        let (year, month, day) = Calendar.civil(days: days)
        if (0...9_999).contains(year) { return writeUsual(Int(year), month, day, secondOfDay, to: &text) }
        writeDate(year: year, month: month, day: day, to: &text)
        text.append(UInt8(ascii: "T"))
        writeTwo(secondOfDay / 3_600, to: &text)
        text.append(UInt8(ascii: ":"))
        writeTwo(secondOfDay / 60 % 60, to: &text)
        text.append(UInt8(ascii: ":"))
        writeTwo(secondOfDay % 60, to: &text)
    }

    /// Writes `2024-01-01T00:00:00` at once, for almost all years have four digits.
    private static func writeUsual(
        _ year: Int,
        _ month: Int,
        _ day: Int,
        _ secondOfDay: Int,
        to text: inout ByteBuffer
    ) {
        text.append(count: 19) { bytes in
            func store(_ value: Int, at offset: Int) {
                let tens = (value &* 103) &>> 10
                bytes[offset] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: tens)
                bytes[offset + 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value &- 10 &* tens)
            }
            let (hours, rest) = secondOfDay.quotientAndRemainder(dividingBy: 3_600)
            store(year / 100, at: 0)
            store(year % 100, at: 2)
            bytes[4] = UInt8(ascii: "-")
            store(month, at: 5)
            bytes[7] = UInt8(ascii: "-")
            store(day, at: 8)
            bytes[10] = UInt8(ascii: "T")
            store(hours, at: 11)
            bytes[13] = UInt8(ascii: ":")
            store(rest / 60, at: 14)
            bytes[16] = UInt8(ascii: ":")
            store(rest % 60, at: 17)
        }
    }

    private static func writeDate(
        year: some FixedWidthInteger & SignedInteger,
        month: Int,
        day: Int,
        to text: inout ByteBuffer
    ) {
        if (0...9_999).contains(year) {
            writeTwo(Int(year) / 100, to: &text)
            writeTwo(Int(year) % 100, to: &text)
        } else {
            let digits = "\(year.magnitude)"
            if year < 0 { text.append(UInt8(ascii: "-")) }
            for _ in 0..<max(0, (year < 0 ? 3 : 4) - digits.utf8.count) { text.append(UInt8(ascii: "0")) }
            text.append(digits)
        }
        text.append(UInt8(ascii: "-"))
        writeTwo(month, to: &text)
        text.append(UInt8(ascii: "-"))
        writeTwo(day, to: &text)
    }

    private static func writeTwo(_ value: Int, to text: inout ByteBuffer) {
        text.append(UInt8(ascii: "0") + UInt8(value / 10))
        text.append(UInt8(ascii: "0") + UInt8(value % 10))
    }

    /// A point and `digits` digits without the zeros at their end; nothing for zero.
    static func writeFraction(_ value: Int, digits: Int, isPadded: Bool = false, to text: inout ByteBuffer) {
        if value == 0, !isPadded { return }
        text.append(UInt8(ascii: "."))
        var rest = value
        var step = powerOfTen(digits - 1)
        while rest > 0 || (isPadded && step > 0) {
            text.append(UInt8(ascii: "0") + UInt8(rest / step))
            rest %= step
            step /= 10
        }
    }
}
