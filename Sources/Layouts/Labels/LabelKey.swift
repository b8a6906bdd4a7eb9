/// A label in the form that it is compared in.
///
/// Numbers, bools and times of any width become an integer whose order is theirs; texts are their UTF-8.
enum LabelKey: Hashable, Sendable {
    case number(Int128)
    case text([UInt8])
}

/// How elements of a dtype become the numbers of keys, and back.
struct KeyCoding: Sendable {
    private let element: DType.Element

    /// Labels are little-endian, and of the dtypes that ``LabelContents`` lets through.
    init(_ dtype: DType) { element = dtype.element }

    /// Whether labels are floats.
    var isFloat: Bool {
        switch element {
        case .float16, .float32, .float64: true
        default: false
        }
    }

    /// The key of the element at a place.
    @inline(__always)
    func key(_ place: UnsafeRawPointer) -> Int128 {
        switch element {
        case .bool, .uint8: Int128(place.loadUnaligned(as: UInt8.self))
        case .int8: Int128(place.loadUnaligned(as: Int8.self))
        case .int16: Int128(place.loadUnaligned(as: Int16.self))
        case .uint16: Int128(place.loadUnaligned(as: UInt16.self))
        case .int32: Int128(place.loadUnaligned(as: Int32.self))
        case .uint32: Int128(place.loadUnaligned(as: UInt32.self))
        case .uint64: Int128(place.loadUnaligned(as: UInt64.self))
        case .float16: Self.key(Double(Float16(bitPattern: place.loadUnaligned(as: UInt16.self))))
        case .float32: Self.key(Double(place.loadUnaligned(as: Float.self)))
        case .float64: Self.key(place.loadUnaligned(as: Double.self))
        default: Int128(place.loadUnaligned(as: Int64.self))
        }
    }

    /// The key of NaN, greater than all others.
    static let notANumber = Int128(Int64.max)

    /// The key of a double; -0.0 is 0.0.
    static func key(_ value: Double) -> Int128 {
        if value.isNaN { return notANumber }
        let bits = Int64(bitPattern: (value + 0.0).bitPattern)
        return Int128(bits < 0 ? bits ^ Int64.max : bits)
    }

    /// The number that a key stands for; exact for integers up to 2^53.
    func value(_ key: Int128) -> Double {
        guard isFloat else { return Double(key) }
        let bits = Int64(truncatingIfNeeded: key)
        return Double(bitPattern: UInt64(bitPattern: bits < 0 ? bits ^ Int64.max : bits))
    }

    /// Keys around a number: the least that is not below it, and the greatest that is not above it.
    ///
    /// A number that a narrow float rounds is the float that it rounds to, as for NumPy's comparisons with Python's
    /// floats.
    func bounds(_ value: Double) -> (first: Int128, last: Int128) {
        switch element {
        case .float16:
            let key = Self.key(Double(Float16(value)))
            return (key, key)
        case .float32:
            let key = Self.key(Double(Float(value)))
            return (key, key)
        case .float64: return (Self.key(value), Self.key(value))
        default: return (Self.integer(value.rounded(.up)), Self.integer(value.rounded(.down)))
        }
    }

    /// The nearest integer that there is.
    private static func integer(_ value: Double) -> Int128 {
        if value.isNaN { return 1 << 66 }
        return Int128(exactly: min(max(value, -0x1p66), 0x1p66)) ?? 0
    }
}

extension DType {
    /// Whether two elements are the same label: NaN is itself, and -0.0 is 0.0.
    package func equalAsLabels(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer) -> Bool {
        let coding = KeyCoding(self)
        return coding.key(one) == coding.key(other)
    }
}
