import Testing

@testable import Layouts

/// Clocks that are set forward and back, and the spans of time that parts of a date name.
@Suite struct TimeZoneTests {
    private func berlin() throws -> TimeZone { try #require(TimeZone.named("Europe/Berlin")) }

    /// Seconds since 1970.
    private func seconds(_ text: String) throws -> Int64 {
        guard case .count(let count) = DateTime.read(text, unit: TimeUnit(.second)) else {
            throw LayoutError.invalidQuery(text)
        }
        return count
    }

    @Test(
        "an offset is that of the instant",
        arguments: [
            ("2024-01-15T12:00Z", 3_600), ("2024-07-15T12:00Z", 7_200), ("2024-03-31T00:59:59Z", 3_600),
            ("2024-03-31T01:00:00Z", 7_200), ("2024-10-27T00:59:59Z", 7_200), ("2024-10-27T01:00:00Z", 3_600),
            ("1970-01-01T00:00Z", 3_600), ("1945-07-01T00:00Z", 10_800),
        ]
    )
    func offsets(_ instant: String, _ offset: Int64) throws {
        #expect(try berlin().offset(at: seconds(instant)) == offset)
    }

    @Test(
        "a local time is the first instant that shows it; one that the clock skips is that of the clock before",
        arguments: [
            ("2024-01-15T12:00", "2024-01-15T11:00Z"), ("2024-07-15T12:00", "2024-07-15T10:00Z"),
            ("2024-03-31T01:59:59", "2024-03-31T00:59:59Z"), ("2024-03-31T02:00", "2024-03-31T01:00Z"),
            ("2024-03-31T02:30", "2024-03-31T01:30Z"), ("2024-03-31T03:00", "2024-03-31T01:00Z"),
            ("2024-10-27T01:59:59", "2024-10-26T23:59:59Z"), ("2024-10-27T02:00", "2024-10-27T00:00Z"),
            ("2024-10-27T02:30", "2024-10-27T00:30Z"), ("2024-10-27T03:00", "2024-10-27T02:00Z"),
        ]
    )
    func local(_ local: String, _ instant: String) throws {
        #expect(try berlin().instant(ofLocal: seconds(local)) == seconds(instant))
    }

    @Test("names of the database and plain offsets are zones, others are not")
    func names() throws {
        #expect(try #require(TimeZone.named("UTC")).offset(at: 0) == 0)
        #expect(try #require(TimeZone.named("+05:30")).offset(at: 0) == 19_800)
        #expect(try #require(TimeZone.named("UTC-08:00")).offset(at: 1_720_000_000) == -28_800)
        #expect(try #require(TimeZone.named("America/St_Johns")).offset(at: 1_705_000_000) == -12_600)
        for name in ["Europe/Atlantis", "", "+5:30", "+05:3x", "+99:00", "../../etc/passwd", "/etc/passwd", "europe"] {
            #expect(TimeZone.named(name) == nil, "\(name)")
        }
    }

    @Test("counts of a unit go to the local clock and back")
    func counts() throws {
        let zone = try berlin()
        let unit = TimeUnit(.millisecond)
        let noon = try seconds("2024-07-15T12:00Z") * 1_000 + 250
        let (local, offset) = zone.local(noon, unit: unit)
        #expect(local == noon + 7_200_000 && offset == 7_200)
        #expect(zone.count(ofLocal: local, unit: unit) == noon)
        #expect(zone.local(-1, unit: unit).count == 3_599_999)
    }

    /// Text, unit, and the first and the last count.
    static let spans: [(String, TimeUnit.Base, Int64, Int64)] = [
        ("1970", .second, 0, 31_535_999), ("2024", .second, 1_704_067_200, 1_735_689_599),
        ("2024-02", .second, 1_706_745_600, 1_709_251_199), ("2023-12", .second, 1_701_388_800, 1_704_067_199),
        ("1970-01-02", .millisecond, 86_400_000, 172_799_999), ("1969-12-31", .second, -86_400, -1),
        ("1970-01-01T01", .second, 3_600, 7_199), ("1970-01-01T01:02", .second, 3_720, 3_779),
        ("1970-01-01T00:00:05", .nanosecond, 5_000_000_000, 5_999_999_999),
        ("1970-01-01T00:00:05", .second, 5, 5), ("1970-01-01T00:00:00.5", .nanosecond, 500_000_000, 500_999_999),
        ("1970-01-01T00:00:00.0005", .nanosecond, 500_000, 500_999),
        ("1970-01-01T00:00:00.0000005", .nanosecond, 500, 500), ("1970-01-01T00:00:00.5", .second, 1, 0),
        ("1970-01-01T00:00:01.0", .second, 1, 1), ("1970-01-01T02+01:00", .second, 3_600, 7_199),
        ("9999", .nanosecond, .max, .max), ("0001", .nanosecond, .min + 1, .min + 1),
        ("2262", .nanosecond, 9_214_646_400_000_000_000, .max),
    ]

    @Test("a part of a date is all instants in it", arguments: spans)
    func span(_ text: String, _ base: TimeUnit.Base, _ first: Int64, _ last: Int64) throws {
        let span = try #require(TimeSpan(text, unit: TimeUnit(base), zone: nil))
        #expect(span.counts == TimeSpan.ClosedCounts(first: first, last: last))
    }

    @Test(
        "a day of a zone is as long as its clock makes it",
        arguments: [
            ("2024-03-30", 24), ("2024-03-31", 23), ("2024-10-27", 25), ("2024-03", 743), ("2024-10", 745),
            ("2024", 8_784),
            ("2024-03-31T01", 1), ("2024-03-31T02", 0), ("2024-10-27T02", 2),
        ]
    )
    func hours(_ text: String, _ hours: Int64) throws {
        let span = try #require(TimeSpan(text, unit: TimeUnit(.second), zone: berlin()))
        #expect(span.counts.last - span.counts.first + 1 == hours * 3_600)
    }

    @Test(
        "a text says how fine it is, and whether it has an offset of its own",
        arguments: [
            ("2024", TimeUnit.Base.year, false), ("2024-01", .month, false), ("2024-01-01", .day, false),
            ("2024-01-01T00", .hour, false), ("2024-01-01 00:00", .minute, false),
            ("2024-01-01T00:00:00", .second, false),
            ("2024-01-01T00:00:00.1", .millisecond, false), ("2024-01-01T00:00:00.1234", .microsecond, false),
            ("2024-01-01T00:00:00.1234567", .nanosecond, false), ("2024-01-01T00Z", .hour, true),
            ("2024-01-01T00:00-05:00", .minute, true),
        ]
    )
    func resolution(_ text: String, _ resolution: TimeUnit.Base, _ hasOffset: Bool) throws {
        let span = try #require(TimeSpan(text, unit: TimeUnit(.nanosecond), zone: berlin()))
        #expect(span.resolution == resolution && span.hasOffset == hasOffset)
    }

    @Test(
        "what is no date is no span",
        arguments: [
            "", "24", "2024-", "2024-1", "2024-13", "2024-02-30", "2023-02-29", "2024-01-01T", "2024-01-01T24",
            "2024-01-01T00:60", "2024-01-01T00:00:00.", "2024-01-01T00:00:00.1234567890123456789", "2024-01Z", "NaT",
            "x",
            "2024-01-01T00:00+1:00", "2024-01-01T00:00Zx", "2024-01-01x00",
        ]
    )
    func noSpan(_ text: String) { #expect(TimeSpan(text, unit: TimeUnit(.second), zone: nil) == nil) }
}
