/// An integer times a power of ten.
///
/// Source: D. Lemire, "Number Parsing at a Gigabyte per Second", 2021, with bounds in place of the paper's case analysis.
struct DecimalNumber {
    private let mantissa: UInt64
    private let exponent: Int

    init(_ mantissa: UInt64, _ exponent: Int) {
        self.mantissa = mantissa
        self.exponent = exponent
    }

    /// The nearest double, ties to even, infinite beyond the greatest; nil in the rare cases that need exact arithmetic.
    @inline(__always)
    var nearestDouble: Double? {
        // Both are doubles without loss, so that one operation rounds correctly (Clinger). Larger mantissas would be, too, but
        // which ones of sixteen digits cannot be foreseen, and a wrong guess costs more than the product.
        if mantissa < 1_000_000_000_000, exponent.magnitude <= 22 {
            let power = exactPowersOfTen[Int(exponent.magnitude)]
            return exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
        }
        return roundedProduct
    }

    /// The mantissa times 5^exponent to 128 bits, rounded to 53.
    private var roundedProduct: Double? {
        // Below half of the smallest double, and above the greatest, whatever the mantissa is.
        if mantissa == 0 || exponent < PowersOfFive.range.lowerBound { return 0 }
        if exponent > 308 { return .infinity }
        let shift = mantissa.leadingZeroBitCount
        let scaled = mantissa << UInt64(shift)
        let power = PowersOfFive.shared[exponent]

        // The power stands for what lies in [power, power + 1), or for itself, and so the product for what lies in
        // [product, product + 2) in units of the last bit.
        let carry = scaled.multipliedFullWidth(by: power.low).high
        let product = UInt128(scaled) &* UInt128(power.high) &+ UInt128(carry)
        let (high, low) = (UInt64(truncatingIfNeeded: product &>> 64), UInt64(truncatingIfNeeded: product))

        let top = 63 - high.leadingZeroBitCount
        let binaryExponent = top + 1 + PowersOfFive.binaryExponent(ofTenTo: exponent) - shift
        let biased = max(1, binaryExponent + 1_023)
        // Subnormal numbers keep fewer than 53 bits.
        let dropped = top - 52 + max(0, -1_022 - binaryExponent)
        guard dropped < 64 else { return nil }
        let half: UInt64 = 1 << UInt64(dropped - 1)
        let rest = high & (half << 1 - 1)
        // Rounded up where the first bit that is dropped is one, whatever is behind it.
        var bits = (high >> UInt64(dropped - 1) &+ 1) >> 1
        if rest == half, low == 0 {
            guard PowersOfFive.isExact(exponent), scaled.multipliedFullWidth(by: power.low).low == 0 else { return nil }
            bits -= bits & 1
        } else if rest == half - 1, low >= UInt64.max - 1 {
            return nil
        }
        // A carry out of the mantissa goes into the exponent, as it should.
        bits += UInt64(biased - 1) << 52
        return Double(bitPattern: min(bits, Double.infinity.bitPattern))
    }
}

private let exactPowersOfTen: InlineArray<23, Double> = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]
