/// The upper half of a float32.
package enum BFloat16 {
    /// Widens; exact.
    package static func value(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// Rounds to nearest, ties to even.
    package static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }

    /// The value of the shortest decimal that rounds to `bits`: what a bfloat16 prints as.
    package static func shortest(_ bits: UInt16) -> Double {
        let exact = Double(value(bits))
        if exact == 0 { return exact }
        for digits in 1...5 {
            let candidate = rounded(exact, digits: digits)
            if Self.bits(Float(candidate)) == bits { return candidate }
        }
        return exact
    }

    /// The double that lies nearest to the decimal of so many significant digits.
    private static func rounded(_ value: Double, digits: Int) -> Double {
        let text = value.magnitude.description
        guard let decimal = Decimal(text) else { return value }
        return Double("\(value < 0 ? "-" : "")\(decimal.rounded(to: digits))") ?? value
    }

    /// Significant digits and exponent of a printed number.
    private struct Decimal {
        var digits: [UInt8]
        var exponent: Int

        init?(_ text: String) {
            let parts = text.split(separator: "e")
            guard let mantissa = parts.first else { return nil }
            exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
            digits = []
            var isFraction = false
            for character in mantissa.utf8 {
                if character == UInt8(ascii: ".") {
                    isFraction = true
                    continue
                }
                digits.append(character - UInt8(ascii: "0"))
                if isFraction { exponent -= 1 }
            }
            while digits.count > 1, digits.first == 0 { digits.removeFirst() }
        }

        func rounded(to count: Int) -> String {
            guard digits.count > count else { return "\(digits.map { "\($0)" }.joined())e\(exponent)" }
            var value = digits[..<count].reduce(0) { $0 * 10 + Int($1) }
            if digits[count] >= 5 { value += 1 }
            return "\(value)e\(exponent + digits.count - count)"
        }
    }
}
