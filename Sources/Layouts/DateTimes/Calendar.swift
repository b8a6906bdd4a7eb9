/// Days of the proleptic Gregorian calendar, as NumPy counts them.
enum Calendar {
    /// Year, month and day of a number of days since 1970-01-01.
    static func civil<Number: FixedWidthInteger & SignedInteger>(
        days: Number
    ) -> (year: Number, month: Int, day: Int) {
        let shifted = days + 719_468  // since 0000-03-01, so that the leap day ends a year
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = Int(shifted - era * 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (Number(yearOfEra) + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// Days since 1970-01-01.
    static func days(year: Int128, month: Int, day: Int) -> Int128 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = floorDivide(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = Int128((153 * shiftedMonth + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// How many days a month has.
    static func daysInMonth(_ month: Int, of year: Int128) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// The quotient rounded towards minus infinity.
func floorDivide<Number: FixedWidthInteger & SignedInteger>(_ value: Number, _ divisor: Number) -> Number {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}

extension TimeUnit {
    /// For units of a second and finer: how many decimal digits of a second one unit is; nil for coarser ones.
    var fractionDigits: Int? {
        switch base {
        case .second: 0
        case .millisecond: 3
        case .microsecond: 6
        case .nanosecond: 9
        case .picosecond: 12
        case .femtosecond: 15
        case .attosecond: 18
        default: nil
        }
    }

    /// For units between a week and a minute: seconds of one unit; nil for others.
    var seconds: Int? {
        switch base {
        case .week: 604_800
        case .day: 86_400
        case .hour: 3_600
        case .minute: 60
        case .second: 1
        default: nil
        }
    }
}

/// Ten to the power of `digits`, 18 at most.
func powerOfTen(_ digits: Int) -> Int {
    var result = 1
    for _ in 0..<digits { result *= 10 }
    return result
}
