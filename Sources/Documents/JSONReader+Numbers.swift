internal import Glibc

extension JSONReader {
    /// Reads a number; one that no double can hold is ``JSONNumber/overflow``, not an error.
    package mutating func number() throws(JSONError) -> JSONNumber {
        skipSpaces()
        let start = offset
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        var scan = DigitScan()
        let firstDigit = offset
        take(&scan, isFraction: false)
        guard offset > firstDigit else { throw unexpected("a digit") }
        if bytes[firstDigit] == UInt8(ascii: "0"), offset > firstDigit + 1 {
            offset = firstDigit + 1
            throw unexpected("no digit behind a leading zero")
        }
        var isInteger = true
        if current == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            let first = offset
            take(&scan, isFraction: true)
            guard offset > first else { throw unexpected("a digit behind the point") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            scan.exponent += try exponent()
        }
        if isInteger, !scan.isInexact, let number = Self.integer(scan.mantissa, isNegative) { return number }
        let value = double(scan, isNegative, from: start)
        return value.isFinite ? .double(value) : .overflow
    }

    /// Digits of a mantissa of at most 19, and the power of ten that goes with them.
    private struct DigitScan {
        var mantissa: UInt64 = 0
        var digits = 0
        var exponent = 0
        /// Whether digits had to be left out.
        var isInexact = false
    }

    @inline(__always)
    private mutating func take(_ scan: inout DigitScan, isFraction: Bool) {
        while offset < bytes.count {
            let digit = bytes[offset] &- UInt8(ascii: "0")
            guard digit < 10 else { return }
            offset += 1
            if scan.digits < 19 {
                scan.mantissa = scan.mantissa &* 10 &+ UInt64(digit)
                if scan.mantissa != 0 { scan.digits += 1 }
                if isFraction { scan.exponent -= 1 }
            } else if !isFraction, scan.digits == 19, scan.exponent == 0,
                let wide = Self.appending(digit, to: scan.mantissa)
            {
                // The twentieth digit of a number below 2^64.
                scan.mantissa = wide
                scan.digits = 20
            } else {
                scan.isInexact = true
                if !isFraction { scan.exponent += 1 }
            }
        }
    }

    private static func appending(_ digit: UInt8, to mantissa: UInt64) -> UInt64? {
        let (tens, overflow) = mantissa.multipliedReportingOverflow(by: 10)
        let (sum, beyond) = tens.addingReportingOverflow(UInt64(digit))
        return overflow || beyond ? nil : sum
    }

    private mutating func exponent() throws(JSONError) -> Int {
        offset += 1
        let isNegative = current == UInt8(ascii: "-")
        if isNegative || current == UInt8(ascii: "+") { offset += 1 }
        let first = offset
        var value = 0
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            if value < 100_000 { value = value * 10 + Int(byte - UInt8(ascii: "0")) }
            offset += 1
        }
        guard offset > first else { throw unexpected("a digit of the exponent") }
        return isNegative ? -value : value
    }

    private static func integer(_ mantissa: UInt64, _ isNegative: Bool) -> JSONNumber? {
        if !isNegative {
            return Int64(exactly: mantissa).map { .integer($0) } ?? .unsigned(mantissa)
        }
        if mantissa == 0 { return .double(-0.0) }
        return mantissa <= Int64.min.magnitude ? .integer(Int64(truncatingIfNeeded: 0 &- mantissa)) : nil
    }

    /// Exact where mantissa and power of ten are doubles themselves; else the C library, which rounds correctly.
    private func double(_ scan: DigitScan, _ isNegative: Bool, from start: Int) -> Double {
        if !scan.isInexact, scan.mantissa <= 1 << 53, abs(scan.exponent) <= 22 {
            let power = Self.powersOfTen[abs(scan.exponent)]
            let value = scan.exponent < 0 ? Double(scan.mantissa) / power : Double(scan.mantissa) * power
            return isNegative ? -value : value
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: offset - start + 1) { text in
            for index in 0..<(offset - start) { text[index] = CChar(bitPattern: bytes[start + index]) }
            text[offset - start] = 0
            return text.baseAddress.map { strtod($0, nil) } ?? 0
        }
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]
}
