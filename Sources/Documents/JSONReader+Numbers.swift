extension JSONReader {
    /// Reads a number; one that no double can hold is ``JSONNumber/overflow``, not an error.
    package mutating func number() throws(JSONError) -> JSONNumber {
        skipSpaces()
        // Offsets in a local variable stay in registers; in the reader each digit would be a store.
        let start = offset
        var next = start
        let isNegative = start < bytes.count && bytes[start] == UInt8(ascii: "-")
        if isNegative { next += 1 }
        let first = next
        var mantissa = takeDigits(0, from: &next)
        var digitCount = next - first
        if digitCount == 0 { throw unexpected("a digit", at: next) }
        if bytes[first] == UInt8(ascii: "0") {
            if digitCount > 1 { throw unexpected("no digit behind a leading zero", at: first + 1) }
            digitCount = 0
        }
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
        offset = next
        if digitCount > NumberDigits.limit {
            return longNumber(first, isNegative: isNegative, isInteger: isInteger, exponent: exponent)
        }
        if isInteger, let number = Self.integer(mantissa, isNegative: isNegative) { return number }
        guard let magnitude = DecimalNumber(mantissa, exponent).nearestDouble else { return slowDouble(from: start) }
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
        while next + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: next, as: UInt64.self))
            guard let value = eightDigits(word) else { break }
            mantissa = mantissa &* 100_000_000 &+ value
            next += 8
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
        magnitude.isFinite ? .double(isNegative ? -magnitude : magnitude) : .overflow
    }

    /// More digits than a mantissa of 64 bits surely holds; `first` is the first of them.
    private func longNumber(_ first: Int, isNegative: Bool, isInteger: Bool, exponent: Int) -> JSONNumber {
        let digits = NumberDigits(bytes[first..<offset])
        if isInteger, let exact = digits.exactInteger, let number = Self.integer(exact, isNegative: isNegative) {
            return number
        }
        guard let magnitude = digits.nearestDouble(lastExponent: exponent) else {
            return slowDouble(from: isNegative ? first - 1 : first)
        }
        return Self.double(magnitude, isNegative: isNegative)
    }

    private func slowDouble(from start: Int) -> JSONNumber {
        let value = exactDouble(UnsafeRawBufferPointer(rebasing: bytes[start..<offset]))
        return value.isFinite ? .double(value) : .overflow
    }
}

/// The number that eight bytes spell, the first of them lowest in the word; nil unless all are digits.
@inline(__always)
private func eightDigits(_ word: UInt64) -> UInt64? {
    let high: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
    // Digits are 0x30 to 0x39: the upper half is 3, and still is when 6 is added.
    guard word & high == 0x3030_3030_3030_3030, (word &+ 0x0606_0606_0606_0606) & high == 0x3030_3030_3030_3030 else {
        return nil
    }
    // Neighbours join: eight digits to four pairs, to two quadruples, to one number.
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F
    let pairs = (digits &* 10 &+ digits >> 8) & 0x00FF_00FF_00FF_00FF
    let quadruples = (pairs &* 100 &+ pairs >> 16) & 0x0000_FFFF_0000_FFFF
    return (quadruples &* 10_000 &+ quadruples >> 32) & 0xFFFF_FFFF
}
