/// The numbers that round to one of a binary format, in quarters of its last place.
///
/// Source: R. Giulietti, "The Schubfach way to render doubles", 2020. Whether a decimal rounds to the number is asked of
/// three products of 128 bits, the number and the ends of the interval that rounds to it, each cut to an integer whose
/// last bit says whether something was cut off.
struct RoundingInterval {
    private let lower: UInt64
    private let middle: UInt64
    private let upper: UInt64
    /// 1 if the ends do not round to it: a tie goes to the even significand.
    private let isOdd: UInt64
    /// The greatest power of ten that is no longer than the interval.
    private let decimalExponent: Int
    private let shift: UInt64

    /// The interval of a positive, finite number.
    init(_ value: Double) {
        let fraction = value.bitPattern & (1 << 52 - 1)
        let biased = Int(value.bitPattern >> 52 & 0x7FF)
        let significand = biased == 0 ? fraction : fraction | 1 << 52
        self.init(significand, max(biased, 1) - 1_075, isLopsided: fraction == 0 && biased > 1)
    }

    /// The interval of a positive, finite number.
    init(_ value: Float) {
        let fraction = UInt64(value.bitPattern) & (1 << 23 - 1)
        let biased = Int(value.bitPattern >> 23 & 0xFF)
        let significand = biased == 0 ? fraction : fraction | 1 << 23
        self.init(significand, max(biased, 1) - 150, isLopsided: fraction == 0 && biased > 1)
    }

    /// The interval of `significand` × 2^`power`; a lopsided one, at a power of two, is shorter below.
    private init(_ significand: UInt64, _ power: Int, isLopsided: Bool) {
        middle = significand << 2
        lower = middle - (isLopsided ? 1 : 2)
        upper = middle + 2
        isOdd = significand & 1
        // log10(2) and log10(3/4) in units of 2^-22.
        decimalExponent = (power * 1_262_611 - (isLopsided ? 524_031 : 0)) >> 22
        shift = UInt64(power + PowersOfFive.binaryExponent(ofTenTo: -decimalExponent) + 1)
    }

    /// The shortest decimal in it, and of several the one nearest to the number.
    func shortest(_ powers: PowersOfFive) -> (digits: UInt64, exponent: Int) {
        let power = powers.roundedUp(-decimalExponent)
        // Scaled so that the last digit counts one.
        let least = scale(lower << shift, by: power) + isOdd
        let value = scale(middle << shift, by: power)
        let most = scale(upper << shift, by: power) - isOdd
        func isInside(_ quarters: UInt64) -> Bool { least <= quarters && quarters <= most }

        // A digit less will do if just one of its two neighbours is in.
        let tens = value / 40
        if value >= 40, isInside(40 * tens) != isInside(40 * tens + 40) {
            return (isInside(40 * tens) ? tens : tens + 1, decimalExponent + 1)
        }
        let whole = value >> 2
        if isInside(4 * whole) != isInside(4 * whole + 4) {
            return (isInside(4 * whole) ? whole : whole + 1, decimalExponent)
        }
        let isNearerAbove = value & 3 + whole & 1 > 2
        return (isNearerAbove ? whole + 1 : whole, decimalExponent)
    }

    private func scale(_ end: UInt64, by power: PowersOfFive.Power) -> UInt64 {
        let carry = end.multipliedFullWidth(by: power.low).high
        let product = UInt128(end) * UInt128(power.high) + UInt128(carry)
        return UInt64(product >> 64) | (UInt64(truncatingIfNeeded: product) > 1 ? 1 : 0)
    }
}
