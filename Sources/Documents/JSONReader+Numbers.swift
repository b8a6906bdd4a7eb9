extension JSONReader {
    /// Reads a number; one that no double can hold is ``JSONNumber/overflow``, not an error.
    package mutating func number() throws(JSONError) -> JSONNumber {
        skipSpaces()
        var next = offset
        let number = try number(from: &next)
        offset = next
        return number
    }

    /// Reads a number that begins at `next`, which is moved behind it.
    ///
    /// Offsets in a variable stay in registers; in the reader each step would be a store.
    @inline(__always)
    func number(from next: inout Int) throws(JSONError) -> JSONNumber {
        let start = next
        let isNegative = start < bytes.count && bytes[start] == UInt8(ascii: "-")
        next += isNegative ? 1 : 0
        let first = next
        var mantissa = takeDigits(0, from: &next)
        var digitCount = next - first
        if digitCount == 0 { throw unexpected("a digit", at: next) }
        let leadingZeros = bytes[first] == UInt8(ascii: "0") ? 1 : 0
        if leadingZeros &* (digitCount &- 1) > 0 { throw unexpected("no digit behind a leading zero", at: first + 1) }
        digitCount -= leadingZeros
        var exponent = 0
        var isInteger = true
        if next < bytes.count, bytes[next] == UInt8(ascii: ".") {
            isInteger = false
            next += 1
            let fraction = next
            mantissa = takeDigits(mantissa, from: &next)
            if next == fraction { throw unexpected("a digit behind the point", at: next) }
            exponent = fraction - next
            digitCount -= exponent
        }
        if next < bytes.count, bytes[next] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            exponent += try takeExponent(from: &next)
        }
        if digitCount > NumberDigits.limit {
            return longNumber(first..<next, isNegative: isNegative, isInteger: isInteger, exponent: exponent)
        }
        if isInteger, let number = Self.integer(mantissa, isNegative: isNegative) { return number }
        guard let magnitude = DecimalNumber(mantissa, exponent).nearestDouble else { return slowDouble(start..<next) }
        return Self.double(magnitude, isNegative: isNegative)
    }

    /// Checks a number as ``number()`` does, and computes nothing.
    mutating func skipNumber() throws(JSONError) {
        var next = offset
        if bytes[next] == UInt8(ascii: "-") { next += 1 }
        let first = next
        skipDigits(from: &next)
        if next == first { throw unexpected("a digit", at: next) }
        if next > first + 1, bytes[first] == UInt8(ascii: "0") {
            throw unexpected("no digit behind a leading zero", at: first + 1)
        }
        if next < bytes.count, bytes[next] == UInt8(ascii: ".") {
            next += 1
            let fraction = next
            skipDigits(from: &next)
            if next == fraction { throw unexpected("a digit behind the point", at: next) }
        }
        if next < bytes.count, bytes[next] | 0x20 == UInt8(ascii: "e") { _ = try takeExponent(from: &next) }
        offset = next
    }

    @inline(__always)
    private func skipDigits(from next: inout Int) {
        while next < bytes.count, bytes[next] &- UInt8(ascii: "0") < 10 { next += 1 }
    }

    /// Appends digits to a mantissa, which wraps where it has more than 19.
    @inline(__always)
    private func takeDigits(_ mantissa: UInt64, from next: inout Int) -> UInt64 {
        var mantissa = mantissa
        while next &+ 8 <= bytes.count {
            let word = DigitWord(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: next, as: UInt64.self)))
            guard word.isFull else {
                next = next &+ word.count
                return mantissa &* powersOfTen[word.count] &+ word.value
            }
            mantissa = mantissa &* 100_000_000 &+ word.value
            next = next &+ 8
        }
        while next < bytes.count {
            let digit = bytes[next] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            next += 1
        }
        return mantissa
    }

    @inline(__always)
    private func takeExponent(from next: inout Int) throws(JSONError) -> Int {
        next += 1
        let isNegative = next < bytes.count && bytes[next] == UInt8(ascii: "-")
        if isNegative || next < bytes.count && bytes[next] == UInt8(ascii: "+") { next += 1 }
        let first = next
        var value = 0
        while next < bytes.count {
            let digit = bytes[next] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            // More digits than memory holds could not bring such a number back into range.
            if value < 1_000_000_000_000_000 { value = value * 10 + Int(digit) }
            next += 1
        }
        if next == first { throw unexpected("a digit of the exponent", at: next) }
        return isNegative ? -value : value
    }

    private static func integer(_ mantissa: UInt64, isNegative: Bool) -> JSONNumber? {
        if !isNegative {
            return mantissa <= Int64.max ? .integer(Int64(mantissa)) : .unsigned(mantissa)
        }
        if mantissa == 0 { return .double(-0.0) }
        return mantissa <= Int64.min.magnitude ? .integer(Int64(truncatingIfNeeded: 0 &- mantissa)) : nil
    }

    private static func double(_ magnitude: Double, isNegative: Bool) -> JSONNumber {
        let sign: UInt64 = isNegative ? 1 << 63 : 0
        return magnitude.isFinite ? .double(Double(bitPattern: magnitude.bitPattern | sign)) : .overflow
    }

    /// More digits than a mantissa of 64 bits surely holds; the text begins behind the sign.
    private func longNumber(_ text: Range<Int>, isNegative: Bool, isInteger: Bool, exponent: Int) -> JSONNumber {
        let digits = NumberDigits(bytes[text])
        if isInteger, let exact = digits.exactInteger, let number = Self.integer(exact, isNegative: isNegative) {
            return number
        }
        guard let magnitude = digits.nearestDouble(lastExponent: exponent) else {
            return slowDouble((isNegative ? text.lowerBound - 1 : text.lowerBound)..<text.upperBound)
        }
        return Self.double(magnitude, isNegative: isNegative)
    }

    private func slowDouble(_ text: Range<Int>) -> JSONNumber {
        let value = exactDouble(UnsafeRawBufferPointer(rebasing: bytes[text]))
        return value.isFinite ? .double(value) : .overflow
    }
}

/// The digits that eight bytes begin with, the first byte lowest in the word.
///
/// How many they are in the last word of a number cannot be foreseen, so there is no loop over them.
private struct DigitWord {
    private let word: UInt64
    /// Zero in the bytes of the digits, and not in the first one behind them.
    private let wrong: UInt64

    @inline(__always)
    init(_ word: UInt64) {
        self.word = word
        let (high, zeros): (UInt64, UInt64) = (0xF0F0_F0F0_F0F0_F0F0, 0x3030_3030_3030_3030)
        // Digits are 0x30 to 0x39: the upper half is 3, and still is when 6 is added. That carries out of other bytes only,
        // into those behind them.
        wrong = (word & high ^ zeros) | ((word &+ 0x0606_0606_0606_0606) & high ^ zeros)
    }

    /// Whether all bytes are digits.
    @inline(__always)
    var isFull: Bool { wrong == 0 }

    /// How many digits there are.
    @inline(__always)
    var count: Int { wrong.trailingZeroBitCount / 8 }

    /// The number that they spell.
    @inline(__always)
    var value: UInt64 {
        // To the end of the word, with zeros in front; neighbours join: eight digits to four pairs, to two quadruples, to
        // one number.
        let digits = (word << UInt64(truncatingIfNeeded: 64 &- 8 &* count)) & 0x0F0F_0F0F_0F0F_0F0F
        let pairs = (digits &* 10 &+ digits >> 8) & 0x00FF_00FF_00FF_00FF
        let quadruples = (pairs &* 100 &+ pairs >> 16) & 0x0000_FFFF_0000_FFFF
        return (quadruples &* 10_000 &+ quadruples >> 32) & 0xFFFF_FFFF
    }
}
