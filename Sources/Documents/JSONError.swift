/// Why a text is not JSON, or not within the limits.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    /// The kinds of fault.
    package enum Kind: Sendable {
        /// Something else was expected here.
        case syntax
        /// Arrays and objects nest deeper than the reader allows.
        case depth
        /// A name occurs twice in one object.
        case duplicateKey
        /// A string is not UTF-8.
        case encoding
        /// An escape names half of a surrogate pair.
        case surrogate
        /// Something stands behind the value.
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
