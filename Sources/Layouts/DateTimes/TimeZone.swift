internal import CTimeZone
internal import Locks

/// A time zone of the machine's database.
///
/// `@unchecked Sendable` because a zone does not change once it is loaded.
package struct TimeZone: @unchecked Sendable {
    private let zone: OpaquePointer

    /// The zones that were asked for so far; nil for a name that there is not.
    private static let known = Locked<[String: TimeZone?]>([:])
    /// So many names are remembered, so that requests cannot fill memory with them.
    private static let limit = 1_024

    /// The zone of a name such as `Europe/Berlin`, or of an offset such as `+01:00`; nil if there is none.
    package static func named(_ name: String) -> TimeZone? {
        known.withLock { known in
            if let zone = known[name] { return zone }
            let zone = shmgate_zone_load(fixed(name) ?? name).map { TimeZone(zone: $0) }
            if known.count < limit { known[name] = .some(zone) }
            return zone
        }
    }

    /// The seconds ahead of UTC at an instant, in seconds since 1970.
    package func offset(at utc: Int64) -> Int64 { Int64(shmgate_zone_offset(zone, utc)) }

    /// The instant of a local time, both in seconds since 1970 as their own clocks count.
    package func instant(ofLocal seconds: Int64) -> Int64 { shmgate_zone_instant(zone, seconds) }

    /// The count of a unit, of a second or finer, whose local clock shows another count; nil if the unit has none.
    func count(ofLocal count: Int64, unit: TimeUnit) -> Int64? {
        let perSecond = Int64(powerOfTen(unit.fractionDigits ?? 0))
        let seconds = floorDivide(count, perSecond)
        let shift = Int128(instant(ofLocal: seconds)) - Int128(seconds)
        return Int64(exactly: shift * Int128(perSecond) + Int128(count))
    }

    /// The count of a unit, of a second or finer, that the local clock shows at another count, and the offset in seconds.
    package func local(_ count: Int64, unit: TimeUnit) -> (count: Int64, offset: Int64) {
        let perSecond = Int64(powerOfTen(unit.fractionDigits ?? 0))
        let offset = offset(at: floorDivide(count, perSecond))
        return (count &+ offset * perSecond, offset)
    }

    /// CCTZ's own name for `+01:00`, `UTC+01:00` and the like; nil for other names.
    private static func fixed(_ name: String) -> String? {
        let text = name.hasPrefix("UTC") ? name.dropFirst(3) : Substring(name)
        let digits = Array(text.utf8)
        guard digits.count == 6, digits[0] == UInt8(ascii: "+") || digits[0] == UInt8(ascii: "-"),
            digits[3] == UInt8(ascii: ":")
        else { return nil }
        return "Fixed/UTC\(text):00"
    }
}
