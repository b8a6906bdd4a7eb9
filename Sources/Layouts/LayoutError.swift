/// What can be wrong with a layout, a selection, or the bytes that claim to have a layout.
///
/// Each text says what was expected and what came.
public enum LayoutError: Error, Equatable, Sendable {
    /// The layout JSON is not one.
    case invalidLayout(String)
    /// No such element type, or one that a segment cannot hold.
    case invalidDType(String)
    /// The text of a slice breaks its grammar or has more indices than the array has axes.
    case invalidSlice(String)
    /// An index beyond the end of its axis.
    case indexOutOfBounds(String)
    /// The layout has no such member.
    case noSuchMember(String)
    /// No label along an axis is the one asked for.
    case noSuchLabel(String)
    /// A selection that cannot be carried out on these labels, or names a dimension that there is not.
    case invalidQuery(String)
    /// A header that contradicts itself or the file.
    case corrupt(String)
}

extension LayoutError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String {
        switch self {
        case .invalidLayout(let text), .invalidDType(let text), .invalidSlice(let text), .indexOutOfBounds(let text),
            .noSuchMember(let text), .noSuchLabel(let text), .invalidQuery(let text), .corrupt(let text):
            text
        }
    }
}
