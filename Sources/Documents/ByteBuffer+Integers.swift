extension ByteBuffer {
    /// Appends an integer in decimal.
    package mutating func appendDecimal(_ value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        appendDecimal(value.magnitude)
    }

    /// Appends an integer in decimal.
    package mutating func appendDecimal(_ value: UInt64) {
        let count = digitCount(value)
        append(upTo: count) { place in
            storeDigits(value, count, to: place)
            return count
        }
    }
}

/// Stores so many digits of a number, the last ones, with zeros in front.
@inline(__always)
func storeDigits(_ value: UInt64, _ count: Int, to place: UnsafeMutablePointer<UInt8>) {
    var rest = value
    var end = count
    while end >= 8 {
        let (quotient, eight) = rest.quotientAndRemainder(dividingBy: 100_000_000)
        rest = quotient
        end -= 8
        let text = (eightDigits(eight) | 0x3030_3030_3030_3030).bigEndian
        UnsafeMutableRawPointer(place + end).storeBytes(of: text, as: UInt64.self)
    }
    var few = UInt32(truncatingIfNeeded: rest)
    while end >= 2 {
        let (quotient, pair) = few.quotientAndRemainder(dividingBy: 100)
        few = quotient
        end -= 2
        store(pair, to: place + end)
    }
    if end == 1 { place[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: few) }
}

/// The digits of a number below 10^8, one in a byte, the first one in the highest.
///
/// Halves what each lane of the word holds, three times: of 8 digits, of 4, of 2. The quotients come from products, exact
/// for numbers that small, and a product with 2^n - 10^m moves a quotient up and takes it out of the rest in one step.
@inline(__always)
func eightDigits(_ value: UInt64) -> UInt64 {
    let fours = value &+ ((1 << 32) - 10_000) &* ((value &* 109_951_163) &>> 40)
    let twos = fours &+ ((1 << 16) - 100) &* ((fours &* 10_486) &>> 20 & 0x7F_0000_007F)
    return twos &+ ((1 << 8) - 10) &* ((twos &* 103) &>> 10 & 0x000F_000F_000F_000F)
}

@inline(__always)
private func store(_ pair: UInt32, to place: UnsafeMutablePointer<UInt8>) {
    let digits = pairs.utf8Start + 2 * Int(truncatingIfNeeded: pair)
    place[0] = digits[0]
    place[1] = digits[1]
}

@inline(__always)
func digitCount(_ value: UInt64) -> Int {
    // 1233/4096 is a little over log10(2), close enough for 64 bits to be right or one too many.
    let guess = ((64 - (value | 1).leadingZeroBitCount) * 1_233) >> 12
    return guess + (value | 1 >= powersOfTen[guess] ? 1 : 0)
}

private let pairs: StaticString = """
    00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354\
    555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
    """

let powersOfTen: InlineArray<20, UInt64> = [
    1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
    100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
    10_000_000_000_000_000, 100_000_000_000_000_000, 1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
]
