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
            var rest = value
            var end = count
            while rest >= 100 {
                let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
                rest = quotient
                end -= 2
                store(pair, to: place + end)
            }
            if rest >= 10 {
                store(rest, to: place)
            } else {
                place[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest)
            }
            return count
        }
    }
}

@inline(__always)
private func store(_ pair: UInt64, to place: UnsafeMutablePointer<UInt8>) {
    let digits = pairs.utf8Start + 2 * Int(truncatingIfNeeded: pair)
    place[0] = digits[0]
    place[1] = digits[1]
}

@inline(__always)
private func digitCount(_ value: UInt64) -> Int {
    // 1233/4096 is a little over log10(2), close enough for 64 bits to be right or one too many.
    let guess = ((64 - (value | 1).leadingZeroBitCount) * 1_233) >> 12
    return guess + (value | 1 >= powersOfTen[guess] ? 1 : 0)
}

private let pairs: StaticString = """
    00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354\
    555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
    """

private let powersOfTen: InlineArray<20, UInt64> = [
    1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
    100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
    10_000_000_000_000_000, 100_000_000_000_000_000, 1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
]
