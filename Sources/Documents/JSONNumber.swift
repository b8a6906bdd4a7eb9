/// A JSON number, as exact as the machine has it.
package enum JSONNumber: Sendable, Equatable {
    /// Digits alone, within Int64.
    case integer(Int64)
    /// Digits alone, above Int64 and within UInt64.
    case unsigned(UInt64)
    /// The nearest double of what has a point or an exponent, of an integer beyond 64 bits, or of `-0`; finite.
    case double(Double)
    /// Beyond every double, which is no error of the text.
    case overflow
}
