internal import Glibc

/// The digits of a number that has more than 19, in front of its exponent.
struct NumberDigits {
    /// So many digits fit into 64 bits whatever they are.
    static let limit = 19

    private var mantissa: UInt64 = 0
    private var count = 0
    /// The twentieth digit.
    private var twentieth: UInt64 = 0
    private var isTruncated = false

    /// Reads the digits of a number that was checked before, up to its exponent.
    init(_ text: Slice<UnsafeRawBufferPointer>) {
        for byte in text where byte != UInt8(ascii: ".") {
            guard byte <= UInt8(ascii: "9") else { break }
            let digit = UInt64(byte - UInt8(ascii: "0"))
            if count == 0, digit == 0 { continue }
            count += 1
            if count <= Self.limit {
                mantissa = mantissa * 10 + digit
            } else {
                if count == Self.limit + 1 { twentieth = digit }
                if digit != 0 { isTruncated = true }
            }
        }
    }

    /// The digits as an integer of 64 bits, of which some have 20 digits.
    var exactInteger: UInt64? {
        guard count == Self.limit + 1 else { return count <= Self.limit ? mantissa : nil }
        let (tens, overflow) = mantissa.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(twentieth)
        return overflow || carry ? nil : sum
    }

    /// The nearest double where the last digit counts 10^`lastExponent`; nil where 19 digits do not decide it.
    func nearestDouble(lastExponent: Int) -> Double? {
        let exponent = lastExponent + max(0, count - Self.limit)
        let below = DecimalNumber(mantissa, exponent).nearestDouble
        guard isTruncated else { return below }
        let above = DecimalNumber(mantissa + 1, exponent).nearestDouble
        return below == above ? below : nil
    }
}

/// The nearest double of a number's text by the C library, which looks at all digits; infinite where none can hold it.
///
/// The corresponding C function is `strtod`, run in the C locale, for a program may have set one with a decimal comma.
func exactDouble(_ text: UnsafeRawBufferPointer) -> Double {
    withUnsafeTemporaryAllocation(byteCount: text.count + 1, alignment: 1) { copy in
        copy.copyMemory(from: text)
        copy[text.count] = 0
        let previous = uselocale(cLocale)
        defer { uselocale(previous) }
        return copy.withMemoryRebound(to: CChar.self) { characters in
            characters.baseAddress.map { strtod($0, nil) } ?? 0
        }
    }
}

// Unsafe only in name: it is made once and never changed or freed.
nonisolated(unsafe) private let cLocale = newlocale(1 << LC_NUMERIC, "C", nil)
