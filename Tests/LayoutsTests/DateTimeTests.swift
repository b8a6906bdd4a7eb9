import Documents
import TestSupport
import Testing

@testable import Layouts

@Suite struct DateTimeTests {
    private func text(_ count: Int64, _ unit: TimeUnit) -> String {
        var buffer = ByteBuffer()
        DateTime.append(count, unit: unit, to: &buffer)
        return buffer.text
    }

    /// As NumPy prints them, but always with a time and without trailing zeros of the fraction.
    static let instants: [(TimeUnit.Base, Int64, String)] = [
        (.year, -1970, "0000-01-01T00:00:00"), (.year, -1975, "-005-01-01T00:00:00"), (.year, 0, "1970-01-01T00:00:00"),
        (.year, 8030, "10000-01-01T00:00:00"), (.year, .max, "9223372036854777777-01-01T00:00:00"),
        (.year, .min + 1, "-9223372036854773837-01-01T00:00:00"), (.month, -1, "1969-12-01T00:00:00"),
        (.month, 649, "2024-02-01T00:00:00"),
        (.week, 0, "1970-01-01T00:00:00"), (.week, -1, "1969-12-25T00:00:00"), (.day, -719_528, "0000-01-01T00:00:00"),
        (.day, -719_529, "-001-12-31T00:00:00"), (.day, 11_016, "2000-02-29T00:00:00"),
        (.day, 1 << 31, "5881580-07-12T00:00:00"),
        (.day, 1 << 62, "12626367463885247-04-15T00:00:00"), (.day, -735_366, "-044-08-21T00:00:00"),
        (.hour, -1, "1969-12-31T23:00:00"),
        (.minute, -1, "1969-12-31T23:59:00"), (.second, 951_782_399, "2000-02-28T23:59:59"),
        (.second, 951_782_400, "2000-02-29T00:00:00"),
        (.second, -1, "1969-12-31T23:59:59"), (.second, 253_402_300_800, "10000-01-01T00:00:00"),
        (.second, .max, "292277026596-12-04T15:30:07"),
        (.millisecond, -1, "1969-12-31T23:59:59.999"), (.millisecond, 1500, "1970-01-01T00:00:01.5"),
        (.millisecond, -62_198_755_200_000, "-001-01-01T00:00:00"), (.microsecond, 1, "1970-01-01T00:00:00.000001"),
        (.nanosecond, .max, "2262-04-11T23:47:16.854775807"), (.nanosecond, .min + 1, "1677-09-21T00:12:43.145224193"),
        (.nanosecond, 1_704_067_200_000_000_000, "2024-01-01T00:00:00"),
        (.nanosecond, 1_704_067_200_500_000_000, "2024-01-01T00:00:00.5"),
        (.picosecond, -1, "1969-12-31T23:59:59.999999999999"), (.femtosecond, 1, "1970-01-01T00:00:00.000000000000001"),
        (.attosecond, .max, "1970-01-01T00:00:09.223372036854775807"),
        (.attosecond, .min + 1, "1969-12-31T23:59:50.776627963145224193"),
    ]

    @Test("an instant's text is NumPy's, and reads back", arguments: instants)
    func writes(base: TimeUnit.Base, count: Int64, expected: String) {
        #expect(text(count, TimeUnit(base)) == expected)
        #expect(DateTime.read(expected, unit: TimeUnit(base)) == .count(count))
    }

    @Test("counts all over the range of every unit, and of its multiples, read back", arguments: TimeUnit.Base.allCases)
    func roundTrip(base: TimeUnit.Base) {
        var random = SystemRandomNumberGenerator()
        for multiple in [1, 7, 25, Int(Int32.max)] {
            let unit = TimeUnit(base, multiple: multiple)
            var counts: [Int64] = [
                0, 1, -1, .max, .min + 1, .max - 1, 1 << 59, 1 << 60, -1 << 59, -1 << 60, 1 << 58 - 1,
            ]
            for shift in 0..<62 { counts.append(Int64.random(in: .min + 1 ... .max, using: &random) >> shift) }
            // Years of more than 19 digits have no text that reads back.
            if (unit.fractionDigits ?? 0) == 0 { counts = counts.map { $0 / Int64(multiple) } }
            for count in counts {
                let text = text(count, unit)
                guard DateTime.read(text, unit: unit) == .count(count) else {
                    Issue.record("\(count) of \(unit): \(text), read \(DateTime.read(text, unit: unit))")
                    return
                }
            }
        }
    }

    @Test("the calendar agrees with itself on every day of 800 years, and knows the leap days")
    func calendar() {
        for days in -146_097...146_097 {
            let (year, month, day) = Calendar.civil(days: days)
            guard Calendar.days(year: Int128(year), month: month, day: day) == Int128(days), (1...12).contains(month),
                (1...Calendar.daysInMonth(month, of: Int128(year))).contains(day)
            else {
                Issue.record("day \(days)")
                return
            }
        }
        for (year, days) in [
            (1900, 28), (2000, 29), (2023, 28), (2024, 29), (2100, 28), (0, 29), (-4, 29), (-100, 28), (-400, 29),
        ] {
            #expect(Calendar.daysInMonth(2, of: Int128(year)) == days)
        }
    }

    static let readings: [(String, TimeUnit.Base, DateTime.Reading)] = [
        ("2024", .day, .count(19_723)), ("2024-03", .month, .count(650)), ("2024-01-31", .day, .count(19_753)),
        ("2024-01-01T12", .hour, .count(473_364)),
        ("2024-01-01T12:30", .minute, .count(28_401_870)), ("2024-01-01 12:30:15", .second, .count(1_704_112_215)),
        ("2024-01-01T00:00:00Z", .second, .count(1_704_067_200)),
        ("2024-01-01T00:00:00+01:00", .second, .count(1_704_063_600)),
        ("2024-01-01T00:00:00-0130", .second, .count(1_704_072_600)),
        ("2024-01-01T00:00:00+02", .second, .count(1_704_060_000)), ("+2024", .year, .count(54)),
        ("1970-01-01T00:00:00.000000001", .nanosecond, .count(1)),
        ("1970-01-01T00:00:00.1", .millisecond, .count(100)), ("1970-01-01T00:00:00.100", .second, .unrepresentable),
        ("1970-01-01T00:00:00.000", .second, .count(0)),
        ("1970-01-01T00:00:00.0000000001", .nanosecond, .unrepresentable), ("NaT", .second, .count(.min)),
        ("2024-01-02", .month, .unrepresentable),
        ("2024-02", .year, .unrepresentable), ("1970-01-02", .week, .unrepresentable), ("1970-01-08", .week, .count(1)),
        ("1970-01-01T01:30", .hour, .unrepresentable),
        ("2262-04-11T23:47:16.854775808", .nanosecond, .unrepresentable),
        ("1677-09-21T00:12:43.145224192", .nanosecond, .unrepresentable),
        ("9223372036854777778", .year, .unrepresentable), ("9999999999999999999", .attosecond, .unrepresentable),
        ("-9999999999999999999", .second, .unrepresentable),
        ("0000-02-29", .day, .count(-719_469)), ("-005", .year, .count(-1975)), ("-0005", .year, .count(-1975)),
        ("", .day, .malformed), ("nat", .day, .malformed), ("today", .day, .malformed), ("24-01-01", .day, .malformed),
        ("2024-1-1", .day, .malformed), ("2024-13", .month, .malformed),
        ("2024-00", .month, .malformed), ("2023-02-29", .day, .malformed), ("1900-02-29", .day, .malformed),
        ("2024-04-31", .day, .malformed), ("2024-01-00", .day, .malformed),
        ("2024-01-32", .day, .malformed), ("2024-01-01T24:00", .second, .malformed),
        ("2024-01-01T00:60", .second, .malformed), ("2024-01-01T00:00:60", .second, .malformed),
        ("2024-01-01T", .second, .malformed), ("2024-01-01T00:00:00.", .second, .malformed),
        ("2024-01-01T00:00:00.1234567890123456789", .attosecond, .malformed),
        ("2024-01-01T00:00:00z", .second, .malformed), ("2024-01-01T00:00:00+24:00", .second, .malformed),
        ("2024-01-01T00:00:00+01:60", .second, .malformed),
        ("2024-01-01T00:00:00+", .second, .malformed), ("2024-01-01Z", .second, .malformed),
        ("2024-01-01T00:00:00 ", .second, .malformed), (" 2024", .day, .malformed),
        ("20240101", .day, .count(7_391_825_562)),
        ("2024/01/01", .day, .malformed), ("２０２４", .day, .malformed), ("-", .day, .malformed),
        ("--2024", .day, .malformed), ("2024-01-01T00:00:00+01:00Z", .second, .malformed),
    ]

    @Test("a text is an instant, none, or one that the unit cannot hold", arguments: readings)
    func reads(text: String, base: TimeUnit.Base, reading: DateTime.Reading) {
        #expect(DateTime.read(text, unit: TimeUnit(base)) == reading)
    }
}

@Suite struct DurationTests {
    private func text(_ count: Int64, _ unit: TimeUnit) -> String {
        var buffer = ByteBuffer()
        Duration.append(count, unit: unit, to: &buffer)
        return buffer.text
    }

    static let durations: [(TimeUnit.Base, Int64, String)] = [
        (.nanosecond, 0, "P0DT0H0M0S"), (.nanosecond, 500_000_000, "P0DT0H0M0.5S"),
        (.nanosecond, 93_784_500_000_000, "P1DT2H3M4.5S"),
        (.nanosecond, -1, "P-1DT23H59M59.999999999S"), (.second, -1, "P-1DT23H59M59S"),
        (.second, 86_399, "P0DT23H59M59S"), (.day, 3, "P3DT0H0M0S"),
        (.week, -2, "P-14DT0H0M0S"), (.hour, 25, "P1DT1H0M0S"), (.minute, 61, "P0DT1H1M0S"), (.year, 5, "P5Y"),
        (.month, -7, "P-7M"),
        (.nanosecond, .max, "P106751DT23H47M16.854775807S"), (.attosecond, 1, "P0DT0H0M0.000000000000000001S"),
        (.second, .max, "P106751991167300DT15H30M7S"),
    ]

    @Test("a length of time is pandas' ISO text, and reads back", arguments: durations)
    func writes(base: TimeUnit.Base, count: Int64, expected: String) {
        #expect(text(count, TimeUnit(base)) == expected)
        #expect(Duration.read(expected, unit: TimeUnit(base)) == count)
    }

    @Test("counts all over the range of every unit read back", arguments: TimeUnit.Base.allCases, [1, 25])
    func roundTrip(base: TimeUnit.Base, multiple: Int) {
        let unit = TimeUnit(base, multiple: multiple)
        for count in [0, 1, -1, .max, .min + 1, 1 << 60, -1 << 60, 123_456_789_012_345_678] as [Int64] {
            let count = multiple == 1 && unit.fractionDigits != nil ? count : count / 1_000_000 / Int64(multiple)
            #expect(Duration.read(text(count, unit), unit: unit) == count, "\(text(count, unit))")
        }
    }

    @Test(
        "digits are counts, ISO text is converted if that is exact",
        arguments: [
            ("5", .second, 5), ("-5", .second, -5), ("NaT", .second, .min), ("P1D", .hour, 24), ("-P1D", .hour, -24),
            ("P1W", .day, 7), ("PT1M", .second, 60), ("P1M", .month, 1),
            ("P2Y", .month, 24), ("PT0.5S", .millisecond, 500), ("PT36H", .hour, 36), ("P12M", .year, 1),
            ("P1Y1M", .month, 13),
        ] as [(String, TimeUnit.Base, Int64)]
    )
    func reads(text: String, base: TimeUnit.Base, count: Int64) {
        #expect(Duration.read(text, unit: TimeUnit(base)) == count)
    }

    @Test(
        "what is no length of time, or does not fit, is refused",
        arguments: [
            ("", .second), ("P", .second), ("PT", .second), ("P1DT", .second), ("1D", .second), ("P1", .second),
            ("PD", .second), ("P1H", .second), ("PT1D", .second), ("P1.5D", .second),
            ("PT0.5M", .second), ("PT1.S", .second), ("PT.5S", .second), ("PT0.5S", .second), ("PT1S", .minute),
            ("P1M", .second), ("P1D", .month), ("P1M", .year), ("p1d", .second), ("P1D ", .second),
            ("P1DT1H1", .second), ("P99999999999999999999D", .second), ("P9223372036854775807D", .second),
            ("PT9223372036854775808S", .second), ("P1DTT1H", .second), ("9223372036854775808", .second),
            ("PT1.+5S", .millisecond), ("1.5", .second), ("PT1.2.3S", .second),
        ] as [(String, TimeUnit.Base)]
    )
    func refuses(text: String, base: TimeUnit.Base) { #expect(Duration.read(text, unit: TimeUnit(base)) == nil) }

    @Test("parts that are too large together are refused, and do not trap")
    func overflow() async {
        await #expect(processExitsWith: .success) {
            let part = "P200000000000000W"
            #expect(Duration.read(part + part.dropFirst(), unit: TimeUnit(.second)) == nil)
        }
    }

    @Test("counts convert between units where that is exact")
    func converts() {
        #expect(Duration.convert(2, from: TimeUnit(.day), to: TimeUnit(.hour)) == 48)
        #expect(Duration.convert(-48, from: TimeUnit(.hour), to: TimeUnit(.day)) == -2)
        #expect(Duration.convert(49, from: TimeUnit(.hour), to: TimeUnit(.day)) == nil)
        #expect(Duration.convert(2, from: TimeUnit(.second, multiple: 25), to: TimeUnit(.second)) == 50)
        #expect(Duration.convert(1, from: TimeUnit(.year), to: TimeUnit(.month)) == 12)
        #expect(Duration.convert(1, from: TimeUnit(.year), to: TimeUnit(.day)) == nil)
        #expect(Duration.convert(.max, from: TimeUnit(.week), to: TimeUnit(.attosecond)) == nil)
        #expect(Duration.convert(.max, from: TimeUnit(.second), to: TimeUnit(.nanosecond)) == nil)
    }
}
