/// The text of a decimal, stored in words and without loops.
///
/// More is stored than belongs to the text, which costs less than a decision what does.
struct DecimalText {
    /// More than all that is stored for a number; the longest spelling is `-2.2250738585072014e-308`.
    static let mostBytes = 48

    /// The first eight digits as text, in the order of memory of a big-endian machine; the next ones are `second`.
    private let first: UInt64
    private let second: UInt64
    /// The seventeenth digit.
    private let last: UInt8
    /// What power of ten the first digit counts.
    private let exponent: Int
    /// How many digits there are without the zeros at the end.
    private let count: Int

    @inline(__always)
    init(_ decimal: ShortestDecimal) {
        let (high, low) = decimal.sixteen.quotientAndRemainder(dividingBy: 100_000_000)
        let (high8, low8) = (eightDigits(high), eightDigits(low))
        first = (high8 | asciiZeros).bigEndian
        second = (low8 | asciiZeros).bigEndian
        last = UInt8(truncatingIfNeeded: decimal.last) | UInt8(ascii: "0")
        exponent = decimal.exponent
        // The zeros at the end are zero bytes; most numbers have more than nine digits, or none of an array has.
        let lastEight = low8 &<< 8 | decimal.last
        if lastEight != 0 {
            count = 17 &- lastEight.trailingZeroBitCount / 8
        } else {
            count = low8 != 0 ? 9 : 8 &- high8.trailingZeroBitCount / 8
        }
    }

    /// Stores it with the sign of `value`, whose magnitude it is, and says how many bytes that is.
    @inline(__always)
    func store<Value: DecimalNumeral>(_ value: Value, to start: UnsafeMutablePointer<UInt8>) -> Int {
        let sign = Int(
            truncatingIfNeeded: value.bitPattern &>> Value.Bits(truncatingIfNeeded: Value.Bits.bitWidth &- 1)
        )
        start[0] = UInt8(ascii: "-")
        let place = start + sign
        let number = exponent &+ 4
        if UInt(bitPattern: number) < 11 { return sign &+ storePlain(placements[number], to: place) }
        let isLarge = exponent > 0 && value.magnitude <= Value.greatestPlain
        return sign &+ (isLarge ? storeLarge(to: place) : storeScientific(to: place))
    }

    /// `1.25`, `125.0` or `0.00125`, with up to seven digits in front of the point.
    @inline(__always)
    private func storePlain(_ placement: Placement, to place: UnsafeMutablePointer<UInt8>) -> Int {
        store(asciiZeros, to: place)
        storeAll(to: place + Int(placement.zeros) + 1)
        store(moving(first, behind: placement.whole), to: place + Int(placement.zeros))
        place[Int(placement.point)] = UInt8(ascii: ".")
        return Int(placement.zeros) &+ 1 &+ max(count, exponent &+ 2)
    }

    /// `1234567890.5`, with eight digits in front of the point or more.
    @inline(__always)
    private func storeLarge(to place: UnsafeMutablePointer<UInt8>) -> Int {
        storeAll(to: place + 1)
        store(first, to: place)
        store(moving(second, behind: placements[exponent &- 4].whole), to: place + 8)
        place[exponent &+ 1] = UInt8(ascii: ".")
        return 1 &+ max(count, exponent &+ 2)
    }

    /// `1.25e-07`.
    @inline(__always)
    private func storeScientific(to place: UnsafeMutablePointer<UInt8>) -> Int {
        storeAll(to: place + 1)
        place[0] = place[1]
        place[1] = UInt8(ascii: ".")
        let end = count == 1 ? 1 : count &+ 1
        place[end] = UInt8(ascii: "e")
        place[end &+ 1] = UInt8(ascii: exponent < 0 ? "-" : "+")
        let width = exponent.magnitude < 100 ? 2 : 3
        storeDigits(UInt64(exponent.magnitude), width, to: place + end + 2)
        return end &+ 2 &+ width
    }

    /// Stores all digits in a row.
    @inline(__always)
    private func storeAll(to place: UnsafeMutablePointer<UInt8>) {
        store(first, to: place)
        store(second, to: place + 8)
        place[16] = last
    }

    /// A word whose first bytes are digits in front of the point, and the others those behind it, one place further on.
    @inline(__always)
    private func moving(_ digits: UInt64, behind whole: UInt64) -> UInt64 {
        let word = UInt64(littleEndian: digits)
        let moved = word &<< 8 | UInt64(UInt8(ascii: "0"))
        return (word & whole | moved & ~whole).littleEndian
    }

    @inline(__always)
    private func store(_ word: UInt64, to place: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(place).storeBytes(of: word, as: UInt64.self)
    }
}

/// Eight characters `0`.
private let asciiZeros: UInt64 = 0x3030_3030_3030_3030

/// How the digits of a plain decimal stand.
private struct Placement {
    /// The bytes of a word that digits in front of the point have.
    var whole: UInt64
    /// How many zeros are in front of the first digit.
    var zeros: UInt32
    /// Where the point is.
    var point: UInt32
}

/// Of the exponents from -4 on.
private let placements: InlineArray<12, Placement> = [
    Placement(whole: 0, zeros: 4, point: 1),
    Placement(whole: 0, zeros: 3, point: 1),
    Placement(whole: 0, zeros: 2, point: 1),
    Placement(whole: 0, zeros: 1, point: 1),
    Placement(whole: 0xFF, zeros: 0, point: 1),
    Placement(whole: 0xFFFF, zeros: 0, point: 2),
    Placement(whole: 0xFF_FFFF, zeros: 0, point: 3),
    Placement(whole: 0xFFFF_FFFF, zeros: 0, point: 4),
    Placement(whole: 0xFF_FFFF_FFFF, zeros: 0, point: 5),
    Placement(whole: 0xFFFF_FFFF_FFFF, zeros: 0, point: 6),
    Placement(whole: 0xFF_FFFF_FFFF_FFFF, zeros: 0, point: 7),
    Placement(whole: 0xFFFF_FFFF_FFFF_FFFF, zeros: 0, point: 8),
]
