/// The shortest decimal that rounds to a floating-point number, and of several the one nearest to it.
///
/// Source: R. Giulietti, "The Schubfach way to render doubles", 2020. Whether a decimal rounds to the number is asked of
/// three products of 128 bits, the number and the ends of the interval that rounds to it, each cut to an integer whose
/// last bit says whether something was cut off.
///
/// Which of the ways a number takes cannot be foreseen, and a wrong guess of the processor costs as much as all of this;
/// so what can be a sum or a choice of two values is no branch.
struct ShortestDecimal {
    /// The digits, perhaps with zeros behind them.
    let digits: UInt64
    /// What power of ten the last digit counts.
    let exponent: Int

    /// Of a positive, finite number.
    @inline(__always)
    init(_ value: Double) {
        let fraction = value.bitPattern & (1 << 52 - 1)
        let biased = Int(value.bitPattern >> 52)
        let significand = biased == 0 ? fraction : fraction | 1 << 52
        let power = max(biased, 1) - 1_075
        if (-52...0).contains(power), significand.trailingZeroBitCount >= -power {
            (digits, exponent) = (significand >> UInt64(-power), 0)
            return
        }
        let interval = Interval(significand, power, isLopsided: fraction == 0 && biased > 1)
        let scale = PowersOfFive.shared.roundedUp(-interval.decimalExponent)
        (digits, exponent) = interval.shortest { ends in
            let carry = ends.multipliedFullWidth(by: scale.low).high
            let product = UInt128(ends) &* UInt128(scale.high) &+ UInt128(carry)
            return UInt64(truncatingIfNeeded: product &>> 64) | one(if: UInt64(truncatingIfNeeded: product) > 1)
        }
    }

    /// Of a positive, finite number.
    @inline(__always)
    init(_ value: Float) {
        let fraction = value.bitPattern & (1 << 23 - 1)
        let biased = Int(value.bitPattern >> 23)
        let significand = UInt64(biased == 0 ? fraction : fraction | 1 << 23)
        let power = max(biased, 1) - 150
        if (-23...0).contains(power), significand.trailingZeroBitCount >= -power {
            (digits, exponent) = (significand >> UInt64(-power), 0)
            return
        }
        let interval = Interval(significand, power, isLopsided: fraction == 0 && biased > 1)
        let scale = PowersOfFive.shared.roundedUp(-interval.decimalExponent)
        let high = scale.high &+ (scale.low == 0 ? 0 : 1)
        (digits, exponent) = interval.shortest { ends in
            let (whole, part) = ends.multipliedFullWidth(by: high)
            return whole | one(if: part >> 32 > 1)
        }
    }
}

/// The numbers that round to one of a binary format, in quarters of its last place.
private struct Interval {
    private let lower: UInt64
    private let middle: UInt64
    private let upper: UInt64
    /// 1 if the ends do not round to it: a tie goes to the even significand.
    private let isOdd: UInt64
    /// The greatest power of ten that is no longer than the interval.
    let decimalExponent: Int
    private let shift: UInt64

    /// The interval of `significand` × 2^`power`; a lopsided one, at a power of two, is shorter below.
    @inline(__always)
    init(_ significand: UInt64, _ power: Int, isLopsided: Bool) {
        middle = significand << 2
        lower = middle &- 2 &+ one(if: isLopsided)
        upper = middle &+ 2
        isOdd = significand & 1
        // log10(2) and log10(3/4) in units of 2^-22.
        decimalExponent = (power &* 1_262_611 &- (isLopsided ? 524_031 : 0)) >> 22
        shift = UInt64(truncatingIfNeeded: power &+ PowersOfFive.binaryExponent(ofTenTo: -decimalExponent) &+ 1)
    }

    /// Scales the interval so that the last digit counts one, and finds the shortest decimal in it.
    @inline(__always)
    func shortest(scaling scale: (UInt64) -> UInt64) -> (digits: UInt64, exponent: Int) {
        let least = scale(lower &<< shift) &+ isOdd
        let value = scale(middle &<< shift)
        let most = scale(upper &<< shift) &- isOdd

        // A digit less will do if just one of its two neighbours is in.
        let tens = value / 40
        let isTenBelow = 1 ^ isLess(40 &* tens, least)
        let isTenAbove = 1 ^ isLess(most, 40 &* tens &+ 40)
        let isShort = (isTenBelow ^ isTenAbove) & (1 ^ isLess(value, 40))

        let whole = value >> 2
        let isBelow = 1 ^ isLess(whole << 2, least)
        let isAbove = 1 ^ isLess(most, (whole << 2) &+ 4)
        let isNearerAbove = isLess(2, (value & 3) &+ (whole & 1))
        let isDecided = isBelow ^ isAbove
        let isUp = isDecided & isAbove | (1 ^ isDecided) & isNearerAbove

        let mask = 0 &- isShort
        let digits = (tens &+ isTenAbove) & mask | (whole &+ isUp) & ~mask
        return (digits, decimalExponent &+ Int(truncatingIfNeeded: isShort))
    }
}

/// 1 if a number is less than another one, both below 2^63, else 0; never a branch.
@inline(__always)
func isLess(_ one: UInt64, _ other: UInt64) -> UInt64 { (one &- other) >> 63 }

@inline(__always)
private func one(if condition: Bool) -> UInt64 { condition ? 1 : 0 }
