/// The shortest decimal that rounds to a floating-point number, and of several the one nearest to it.
///
/// A binary number stands for all numbers between the middles to its neighbours, an interval as long as one in its last
/// place. Counted in units of the power of ten that is just longer (by less than ten times), the number is a whole part
/// and a fraction, and half of the interval is a number between 1/20 and 1/2. So
/// - if the nearest whole number is no further away than that half, it is the only one in the interval, and the answer;
/// - else the nearest tenth is, for it is no further away than 1/20.
///
/// Thus one product is enough, of the significand and what one in its last place is worth in units; half of the interval is
/// half of the latter. Both are cut off behind 64 bits of the fraction. Where that might decide, which random numbers never
/// come to, the exact way of `RoundingInterval` is taken; so it is for powers of two, whose interval is shorter below.
///
/// Which of the ways a number takes cannot be foreseen, and a wrong guess of the processor costs as much as all of this;
/// so what can be a sum or a choice of two values is no branch.
struct ShortestDecimal {
    /// The first sixteen digits, perhaps with zeros behind them.
    let sixteen: UInt64
    /// The seventeenth digit.
    let last: UInt64
    /// What power of ten the first digit counts.
    let exponent: Int

    /// Of the magnitude of a number; nil if it is infinite or NaN.
    @inline(__always)
    static func of(_ value: Double, _ places: LastPlaces) -> Self? {
        let fraction = value.bitPattern & (1 << 52 - 1)
        let biased = Int(truncatingIfNeeded: value.bitPattern >> 52 & 0x7FF)
        guard fraction != 0, let (whole, tenth) = places.round(fraction | 1 << 52, biased) else {
            return exactly(value)
        }
        // The whole part has 15 or 16 digits.
        let isFifteen = whole < 1_000_000_000_000_000
        return Self(
            sixteen: isFifteen ? whole &* 10 &+ tenth : whole,
            last: isFifteen ? 0 : tenth,
            exponent: LastPlaces.unit(biased) &+ (isFifteen ? 14 : 15)
        )
    }

    /// Of the magnitude of a float32; nil if it is infinite or NaN.
    @inline(__always)
    static func of(_ value: Float, _ places: LastPlaces) -> Self? {
        let fraction = UInt64(value.bitPattern) & (1 << 23 - 1)
        let biased = Int(truncatingIfNeeded: value.bitPattern >> 23 & 0xFF)
        // Those of a double whose last place is worth as much.
        let wide = biased &+ 925
        guard fraction != 0, (1...254).contains(biased), let (whole, tenth) = places.round(fraction | 1 << 23, wide)
        else {
            return exactly(value)
        }
        // The whole part has 6 to 8 digits.
        let digits = whole &* 10 &+ tenth
        let missing = (digits < 100_000_000 ? 1 : 0) &+ (digits < 10_000_000 ? 1 : 0)
        return Self(
            sixteen: digits &* powersOfTen[7 &+ missing],
            last: 0,
            exponent: LastPlaces.unit(wide) &+ 7 &- missing
        )
    }

    @inline(never)
    private static func exactly(_ value: Double) -> Self? {
        guard value.isFinite else { return nil }
        return value == 0 ? Self(sixteen: 0, last: 0, exponent: 0) : nearest(RoundingInterval(value))
    }

    @inline(never)
    private static func exactly(_ value: Float) -> Self? {
        guard value.isFinite else { return nil }
        return value == 0 ? Self(sixteen: 0, last: 0, exponent: 0) : nearest(RoundingInterval(value))
    }

    private static func nearest(_ interval: RoundingInterval) -> Self {
        let (digits, exponent) = interval.shortest(.shared)
        let missing = 17 - digitCount(digits)
        let (sixteen, last) = (digits * powersOfTen[missing]).quotientAndRemainder(dividingBy: 10)
        return Self(sixteen: sixteen, last: last, exponent: exponent - missing + 16)
    }
}

extension LastPlaces {
    /// The nearest whole number of units if it rounds to `significand`, and else how many units and tenths the nearest is;
    /// nil if 64 bits do not decide it.
    @inline(__always)
    fileprivate func round(_ significand: UInt64, _ biased: Int) -> (whole: UInt64, tenth: UInt64)? {
        let place = self[biased]
        let carry = significand.multipliedFullWidth(by: place.low).high
        let product = UInt128(significand) &* UInt128(place.high) &+ UInt128(carry)
        let whole = UInt64(truncatingIfNeeded: product &>> 64)
        let part = UInt64(truncatingIfNeeded: product)
        let half = place.high &>> 1

        // How far it is to the nearest whole number, and whether that is the next one: all ones, or 0.
        let isUpper = signs(part)
        let distance = part ^ isUpper
        let isWhole = signs(distance &- half)
        let (tenths, rest) = part.multipliedFullWidth(by: 10)
        // The numbers compared may differ from the exact ones by less than 2, and this rest by less than 12.
        if distance &- half &+ 2 < 5 || rest &- (1 << 63 - 12) < 13 { return nil }
        return (whole &- (isWhole & isUpper), (tenths &+ rest >> 63) & ~isWhole)
    }
}

/// 64 ones for a negative number in two's complement, else 0; never a branch.
@inline(__always)
private func signs(_ word: UInt64) -> UInt64 { UInt64(bitPattern: Int64(bitPattern: word) >> 63) }
