internal import Documents

/// What the bytes of a segment mean.
///
/// The built-in kinds conform, and so can a type of your own: it says which built-in layout it stands for, and the
/// header of a segment holds that one, with the type's kind and parameters beside it. So everybody can read the
/// segment, and who knows the type gets it back.
public protocol Layout: Sendable {
    /// The word for it in JSON: `A-Z a-z 0-9 _ -`.
    static var kind: String { get }

    /// Reads its fields; ``LayoutError/invalidLayout(_:)`` says what is wrong with them.
    init(fields: inout LayoutFields) throws(LayoutError)

    /// Its fields as they were read, for the header; built-in kinds, which are what they stand for, have none.
    var parameters: [LayoutParameter] { get }

    /// The built-in layout that it stands for.
    var form: LayoutForm { get }
}

extension Layout {
    /// None.
    public var parameters: [LayoutParameter] { [] }
}

/// A field of a layout of one's own.
public struct LayoutParameter: Sendable {
    /// The values that a field can have.
    public enum Value: Sendable, Equatable {
        case integer(Int)
        case number(Double)
        case text(String)
        case flag(Bool)
    }

    /// The field's name.
    public var name: String
    /// Its value.
    public var value: Value

    /// A field with its value.
    public init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

/// The built-in layouts.
public indirect enum LayoutForm: Sendable {
    case bytes(BytesLayout)
    case ndarray(NdarrayLayout)
    case json(JSONLayout)
    case series(SeriesLayout)
    case dataframe(DataFrameLayout)
    case dataarray(DataArrayLayout)
    case structure(StructLayout)
    case list(ListLayout)

    /// The word for it in JSON.
    public var kind: String { builtIn.kindWord }

    /// The layout itself.
    var builtIn: any BuiltInLayout {
        switch self {
        case .bytes(let layout): layout
        case .ndarray(let layout): layout
        case .json(let layout): layout
        case .series(let layout): layout
        case .dataframe(let layout): layout
        case .dataarray(let layout): layout
        case .structure(let layout): layout
        case .list(let layout): layout
        }
    }
}

/// What a built-in layout can do beside standing for itself.
protocol BuiltInLayout: Layout {
    /// The arrays that it needs, in the order in which they lie in the segment.
    var arrays: [ArraySpecification] { get }

    /// Writes its fields in canonical form, `kind` excepted.
    func writeFields(to json: inout JSONWriter)
}

extension BuiltInLayout {
    var kindWord: String { Self.kind }
}
