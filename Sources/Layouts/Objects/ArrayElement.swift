/// A Swift type that lies in memory as the elements of an array do, so that it can be viewed without a copy.
///
/// The integers and floats of Swift conform, and ``ByteBool``. A structure of your own may too, if any bits are a value
/// of it and it has no padding:
///
/// ```swift
/// struct Trade: ArrayElement {
///     var price: Double
///     var size: Int64
///     static let dtype = DType(fields: ["price": Double.dtype, "size": Int64.dtype])
/// }
/// ```
public protocol ArrayElement: BitwiseCopyable, Sendable {
    /// The dtype that it is first of all.
    static var dtype: DType { get }

    /// Whether the elements of an array of this dtype are values of the type; of ``dtype`` alone unless the type says more.
    static func represents(_ dtype: DType) -> Bool
}

extension ArrayElement {
    /// Whether it is ``dtype``.
    public static func represents(_ dtype: DType) -> Bool { dtype == Self.dtype }

    /// Refuses an array whose elements are something else.
    static func check(_ dtype: DType, _ path: String) throws(LayoutError) {
        guard represents(dtype), MemoryLayout<Self>.stride == dtype.byteCount else {
            throw .invalidDType("expected an array of \(Self.dtype) for \(Self.self), \(quoted(path)) has \(dtype)")
        }
    }
}

extension Int8: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.int8)
}

extension Int16: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.int16)
}

extension Int32: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.int32)
}

extension UInt8: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.uint8)
}

extension UInt32: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.uint32)
}

extension UInt64: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.uint64)
}

extension UInt: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.uint64)
}

extension Float16: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.float16)
}

extension Float: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.float32)
}

extension Double: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.float64)
}

extension Int64: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.int64)

    /// Besides int64 the counts of datetime64 and timedelta64; `Int64.min` is NaT.
    public static func represents(_ dtype: DType) -> Bool { dtype.hasInt64Counts }
}

extension Int: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.int64)

    /// As for `Int64`.
    public static func represents(_ dtype: DType) -> Bool { dtype.hasInt64Counts }
}

extension UInt16: ArrayElement {
    /// The dtype of the elements.
    public static let dtype = DType(.uint16)

    /// Besides uint16 the bits of a bfloat16, as NumPy alone sees them.
    public static func represents(_ dtype: DType) -> Bool { dtype == Self.dtype || dtype.element == .bfloat16 }
}

extension DType {
    /// A structured type: one field behind the other, without padding.
    ///
    /// The names are not empty and differ, and there is at least one.
    public init(fields: KeyValuePairs<String, DType>) {
        do throws(LayoutError) {
            self = try .structured(fields.map { ($0.key, $0.value, []) })
        } catch {
            preconditionFailure("a structured type that cannot be: \(error)")
        }
    }

    /// Whether an element is a little-endian int64, be it a number or a count of time.
    fileprivate var hasInt64Counts: Bool {
        if isBigEndian { return false }
        switch element {
        case .int64, .datetime, .timedelta: return true
        default: return false
        }
    }
}

/// An element of a bool array: one byte, which should be 0 or 1.
///
/// Swift's own `Bool` cannot view shared memory: any other byte that a neighbour stores there would be undefined
/// behaviour. Here every byte but 0 is true.
public struct ByteBool: ArrayElement, Hashable, ExpressibleByBooleanLiteral, CustomStringConvertible {
    /// The dtype of the elements.
    public static let dtype = DType(.bool)

    private let byte: UInt8

    /// Stores 1 for true and 0 for false.
    public init(_ value: Bool) { byte = value ? 1 : 0 }

    /// Stores 1 for true and 0 for false.
    public init(booleanLiteral value: Bool) { self.init(value) }

    /// The truth value.
    public var isTrue: Bool { byte != 0 }

    /// `true` or `false`.
    public var description: String { "\(isTrue)" }

    /// Whether both are true or both false.
    public static func == (one: ByteBool, other: ByteBool) -> Bool { one.isTrue == other.isTrue }

    /// Hashes the truth value.
    public func hash(into hasher: inout Hasher) { hasher.combine(isTrue) }
}
