/// What can be wrong with a body that should become an array.
///
/// Each text says what was expected and what came.
package enum RepresentationError: Error, Equatable, Sendable {
    /// The body is not JSON, or not JSON of the form that an array has.
    case invalidJSON(String)
    /// The body is not what its media type says.
    case invalidBody(String)
    /// The shape does not fit the selection.
    case shapeMismatch(String)
    /// A value that the dtype cannot hold.
    case valueOutOfRange(String)
    /// Labels or names of columns that are not those of the selection.
    case labelMismatch(String)
    /// More than there may be.
    case tooLarge(String)
    /// No memory for the array.
    case outOfMemory(String)
}
