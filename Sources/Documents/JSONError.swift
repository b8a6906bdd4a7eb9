/// Why a text is not JSON, or not within the limits.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    /// The kinds of fault.
    package enum Kind: Sendable {
        case syntax
        case depth
        case duplicateKey
        case encoding
        case surrogate
        case trailing
    }

    /// What kind of fault it is.
    package let kind: Kind
    /// The byte where it was noticed, from 0.
    package let offset: Int
    /// What was expected and what came.
    package let reason: String

    /// The reason with its place.
    package var description: String { "\(reason) at byte \(offset)" }
}
