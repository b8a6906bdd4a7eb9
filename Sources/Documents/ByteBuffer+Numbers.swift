extension ByteBuffer {
    /// Appends a finite number as the shortest decimal that reads back as it, with a point or an exponent.
    @inline(__always)
    package mutating func appendDecimal(_ value: Double) {
        precondition(value.isFinite, "only a finite number has decimals; the caller says what stands for the others")
        let bits = value.magnitude.bitPattern
        appendDecimal(
            isNegative: value.sign == .minus,
            value == 0 ? .zero : SeventeenDigits(ShortestDecimal(value.magnitude)),
            isPlain: value == 0 || (1e-4.bitPattern...0x1p53.bitPattern).contains(bits)
        )
    }

    /// Appends a finite float32 as the shortest decimal that rounds to it, with a point or an exponent.
    @inline(__always)
    package mutating func appendDecimal(_ value: Float) {
        precondition(value.isFinite, "only a finite number has decimals; the caller says what stands for the others")
        let bits = value.magnitude.bitPattern
        appendDecimal(
            isNegative: value.sign == .minus,
            value == 0 ? .zero : SeventeenDigits(ShortestDecimal(value.magnitude)),
            isPlain: value == 0 || (Float(1e-4).bitPattern...Float(0x1p24).bitPattern).contains(bits)
        )
    }

    /// Appends a finite float16 as the shortest decimal that rounds to it, with a point or an exponent.
    package mutating func appendDecimal(_ value: Float16) {
        precondition(value.isFinite, "only a finite number has decimals; the caller says what stands for the others")
        append("\(value)")
    }

    /// Writes digits with a point in them, or behind the first one and with an exponent.
    @inline(__always)
    private mutating func appendDecimal(isNegative: Bool, _ digits: SeventeenDigits, isPlain: Bool) {
        append(upTo: Self.mostBytes) { place in
            place[0] = UInt8(ascii: "-")
            let start = isNegative ? 1 : 0
            return start + (isPlain ? digits.storePlain(to: place + start) : digits.storeScientific(to: place + start))
        }
    }

    /// More than the longest spelling, `-2.2250738585072014e-308`, with what is stored behind it in passing.
    private static let mostBytes = 48
}

/// A decimal of seventeen digits, the last ones perhaps zeros: its text is stored in words, without loops.
private struct SeventeenDigits {
    private let first: UInt8
    /// Eight digits each, one in a byte, the first one in the highest.
    private let middle: UInt64
    private let last: UInt64
    /// What power of ten the first digit counts.
    let exponent: Int

    /// `0.0`.
    static let zero = SeventeenDigits(first: 0, middle: 0, last: 0, exponent: 0)

    private init(first: UInt8, middle: UInt64, last: UInt64, exponent: Int) {
        (self.first, self.middle, self.last, self.exponent) = (first, middle, last, exponent)
    }

    @inline(__always)
    init(_ decimal: ShortestDecimal) {
        // Most doubles have 17 digits by now, or 16, or 15.
        let isShort = isLess(decimal.digits, 10_000_000_000_000_000)
        var missing = Int(truncatingIfNeeded: isShort &+ isLess(decimal.digits, 1_000_000_000_000_000))
        if decimal.digits < 100_000_000_000_000 { missing = 17 &- digitCount(decimal.digits) }
        let digits = decimal.digits &* powersOfTen[missing]
        exponent = decimal.exponent &- missing &+ 16
        let (high, low) = digits.quotientAndRemainder(dividingBy: 100_000_000)
        let (first, middle) = high.quotientAndRemainder(dividingBy: 100_000_000)
        self.first = UInt8(truncatingIfNeeded: first)
        self.middle = eightDigits(middle)
        last = eightDigits(low)
    }

    /// How many digits there are without the zeros at the end.
    private var count: Int {
        @inline(__always) get {
            last != 0 ? 17 &- last.trailingZeroBitCount / 8 : 9 &- middle.trailingZeroBitCount / 8
        }
    }

    /// The text of the first sixteen digits, and the last one.
    private var text: (UInt128, UInt8) {
        @inline(__always) get {
            let middle = UInt128((middle | asciiZeros).byteSwapped)
            let last = (last | asciiZeros).byteSwapped
            let sixteen = UInt128(first | UInt8(ascii: "0")) | middle &<< 8 | UInt128(last) &<< 72
            return (sixteen, UInt8(truncatingIfNeeded: last &>> 56))
        }
    }

    /// `1.25`, `125.0`, `12500.0` or `0.00125`; says how many bytes that is.
    @inline(__always)
    func storePlain(to place: UnsafeMutablePointer<UInt8>) -> Int {
        let bytes = UnsafeMutableRawPointer(place)
        let (digits, last) = text
        if exponent < 0 {
            bytes.storeBytes(of: asciiZeros, as: UInt64.self)
            place[1] = UInt8(ascii: ".")
            bytes.storeBytes(of: digits.littleEndian, toByteOffset: 1 &- exponent, as: UInt128.self)
            place[17 &- exponent] = last
            return 1 &- exponent &+ count
        }
        // All of them one place further on, and over that those in front of the point where they belong.
        bytes.storeBytes(of: digits.littleEndian, toByteOffset: 1, as: UInt128.self)
        place[17] = last
        let point = exponent &+ 1
        var word = UInt64(truncatingIfNeeded: digits)
        var moved = word &<< 8
        var start = 0
        if point >= 8 {
            bytes.storeBytes(of: word.littleEndian, as: UInt64.self)
            start = 8
            moved = word &>> 56
            word = UInt64(truncatingIfNeeded: digits &>> 64)
            moved |= word &<< 8
        }
        // A shift of 64 leaves nothing of it: the point stands behind all that the words hold.
        let mask = UInt64.max << (8 &* (point &- start))
        bytes.storeBytes(of: (word & ~mask | moved & mask).littleEndian, toByteOffset: start, as: UInt64.self)
        place[point] = UInt8(ascii: ".")
        return max(count, point &+ 1) &+ 1
    }

    /// `1.25e-07`; says how many bytes that is.
    func storeScientific(to place: UnsafeMutablePointer<UInt8>) -> Int {
        let (digits, last) = text
        let bytes = UnsafeMutableRawPointer(place)
        bytes.storeBytes(of: digits.littleEndian, toByteOffset: 1, as: UInt128.self)
        place[17] = last
        place[0] = UInt8(truncatingIfNeeded: digits)
        place[1] = UInt8(ascii: ".")
        let end = count == 1 ? 1 : count + 1
        place[end] = UInt8(ascii: "e")
        place[end + 1] = UInt8(ascii: exponent < 0 ? "-" : "+")
        let width = exponent.magnitude < 100 ? 2 : 3
        storeDigits(UInt64(exponent.magnitude), width, to: place + end + 2)
        return end + 2 + width
    }
}

/// Eight characters `0`.
private let asciiZeros: UInt64 = 0x3030_3030_3030_3030
