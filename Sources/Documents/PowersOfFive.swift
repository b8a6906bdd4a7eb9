internal import Synchronization

/// The powers of five that doubles can need, each to 128 bits.
///
/// They are computed at the first number that needs them (10 KiB), by exact arithmetic.
struct PowersOfFive: @unchecked Sendable {
    /// The upper 128 bits of a power; the first of them is 1, and what lies below them is cut off.
    struct Power: Equatable {
        var high: UInt64
        var low: UInt64
    }

    /// The exponents: a mantissa of 64 bits times ten to a smaller one is 0 as a double, and the smallest double times ten
    /// to the greatest has all of its digits before the point.
    static let range = -342...324

    /// All of them.
    static var shared: PowersOfFive {
        @inline(__always) get {
            // A lazy global costs a call each time, and a number is written in less than ten times that.
            if let start = UnsafePointer<Power>(bitPattern: known.load(ordering: .acquiring)) {
                return PowersOfFive(start: start)
            }
            return computed
        }
    }

    private static let known = Atomic<UInt>(0)
    private static let computed = PowersOfFive()

    /// Memory that is never freed, without the checks of an array: no number needs a power outside of the range.
    private let start: UnsafePointer<Power>

    private init(start: UnsafePointer<Power>) { self.start = start }

    subscript(exponent: Int) -> Power {
        @inline(__always) get { start[exponent &- Self.range.lowerBound] }
    }

    /// A power, or what is greater by one in the last of 128 bits where it is cut off.
    @inline(__always)
    func roundedUp(_ exponent: Int) -> Power {
        let power = self[exponent]
        // No low word is all ones; that was seen when they were computed.
        return Power(high: power.high, low: power.low &+ (Self.isExact(exponent) ? 0 : 1))
    }

    /// Whether 128 bits hold the power without loss.
    static func isExact(_ exponent: Int) -> Bool { (0...55).contains(exponent) }

    /// The greatest n with 2^n ≤ 10^exponent.
    @inline(__always)
    static func binaryExponent(ofTenTo exponent: Int) -> Int {
        // log2(10) in units of 2^-16, close enough for this range; a test compares all with exact powers.
        (217_706 * exponent) >> 16
    }

    private init() {
        var number = WideInteger(wordCount: 12, bit: 0)
        var positive = [number.top]
        for _ in 1...Self.range.upperBound {
            number.multiplyByFive()
            positive.append(number.top)
        }
        // Cutting off after each division gives what cutting off after one division by the power would.
        number = WideInteger(wordCount: 16, bit: 1_023)
        var negative: [Power] = []
        for _ in 1...(-Self.range.lowerBound) {
            number.divideByFive()
            negative.append(number.top)
        }
        let powers = negative.reversed() + positive
        precondition(powers.allSatisfy { $0.low != .max }, "one more in the last bit has no carry")
        let memory = UnsafeMutablePointer<Power>.allocate(capacity: powers.count)
        memory.initialize(from: powers, count: powers.count)
        start = UnsafePointer(memory)
        Self.known.store(UInt(bitPattern: start), ordering: .releasing)
    }
}

/// An unsigned integer of many words, the lowest first.
private struct WideInteger {
    private var words: [UInt64]

    init(wordCount: Int, bit: Int) {
        words = Array(repeating: 0, count: wordCount)
        words[bit / 64] = 1 << UInt64(bit % 64)
    }

    mutating func multiplyByFive() {
        var carry: UInt64 = 0
        for index in words.indices {
            let (high, low) = words[index].multipliedFullWidth(by: 5)
            let (sum, overflow) = low.addingReportingOverflow(carry)
            words[index] = sum
            carry = high + (overflow ? 1 : 0)
        }
        precondition(carry == 0, "the words hold every power of the range")
    }

    mutating func divideByFive() {
        var remainder: UInt64 = 0
        for index in words.indices.reversed() {
            (words[index], remainder) = UInt64(5).dividingFullWidth((remainder, words[index]))
        }
    }

    /// The upper 128 bits from the first 1 on.
    var top: PowersOfFive.Power {
        guard let last = words.lastIndex(where: { $0 != 0 }) else { return PowersOfFive.Power(high: 0, low: 0) }
        let word = { (index: Int) -> UInt64 in index >= 0 ? words[index] : 0 }
        let shift = UInt64(words[last].leadingZeroBitCount)
        // Swift's >> gives 0 for a shift of 64.
        return PowersOfFive.Power(
            high: words[last] << shift | word(last - 1) >> (64 - shift),
            low: word(last - 1) << shift | word(last - 2) >> (64 - shift)
        )
    }
}
