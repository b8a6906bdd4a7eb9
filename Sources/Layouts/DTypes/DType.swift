/// The type of an array's elements, as NumPy has them.
public struct DType: Hashable, Sendable {
    /// What an element is, apart from its byte order.
    public enum Element: Hashable, Sendable {
        /// One byte, 0 or 1.
        case bool
        case int8
        case int16
        case int32
        case int64
        case uint8
        case uint16
        case uint32
        case uint64
        case float16
        case float32
        case float64
        /// The upper half of a float32; `<u2` to NumPy.
        case bfloat16
        /// Two float32.
        case complex64
        /// Two float64.
        case complex128
        /// `S<n>`: n bytes of text, padded with NUL.
        case bytes(Int)
        /// `U<n>`: n code points of four bytes, padded with NUL.
        case text(Int)
        /// An int64 count of units since 1970; the least one is NaT.
        case datetime(TimeUnit)
        /// An int64 count of units; the least one is NaT.
        case timedelta(TimeUnit)
        /// Named fields, one behind the other, without padding.
        case structured([Field])
    }

    /// A field of a structured type.
    public struct Field: Hashable, Sendable {
        /// Its name; unique in its type.
        public let name: String
        /// The type of its elements.
        public let dtype: DType
        /// Empty for a single element, else the shape of the sub-array.
        public let shape: [Int]
        /// Bytes from the start of the structure.
        public let byteOffset: Int

        /// Bytes of the whole field.
        public var byteCount: Int { shape.reduce(dtype.byteCount, *) }
    }

    /// What an element is.
    public let element: Element
    /// Whether numbers stand with their most significant byte first; false where there is no order.
    public let isBigEndian: Bool
    /// Bytes of an element.
    public let byteCount: Int

    /// An element type in little-endian order, or in big-endian order if asked and if it has an order.
    public init(_ element: Element, bigEndian: Bool = false) {
        self.element = element
        byteCount = Self.byteCount(of: element)
        isBigEndian = bigEndian && Self.hasOrder(element)
    }

    /// The fields of a structured type, none for others.
    public var fields: [Field] {
        if case .structured(let fields) = element { return fields }
        return []
    }

    private static func byteCount(of element: Element) -> Int {
        switch element {
        case .bool, .int8, .uint8: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64, .complex64, .datetime, .timedelta: 8
        case .complex128: 16
        case .bytes(let count): count
        case .text(let count): 4 * count
        case .structured(let fields): fields.reduce(0) { $0 + $1.byteCount }
        }
    }

    private static func hasOrder(_ element: Element) -> Bool {
        switch element {
        case .bool, .int8, .uint8, .bytes, .structured, .bfloat16: false
        default: true
        }
    }
}

/// The step of a datetime64 or timedelta64, such as `ns` or `25s`.
public struct TimeUnit: Hashable, Sendable, CustomStringConvertible {
    /// The units of NumPy, the coarsest first.
    public enum Base: String, CaseIterable, Sendable {
        case year = "Y"
        case month = "M"
        case week = "W"
        case day = "D"
        case hour = "h"
        case minute = "m"
        case second = "s"
        case millisecond = "ms"
        case microsecond = "us"
        case nanosecond = "ns"
        case picosecond = "ps"
        case femtosecond = "fs"
        case attosecond = "as"
    }

    /// The unit.
    public let base: Base
    /// How many of them make a step; 1 or more.
    public let multiple: Int

    /// A step of `multiple` units.
    public init(_ base: Base, multiple: Int = 1) {
        self.base = base
        self.multiple = multiple
    }

    /// NumPy's spelling, without the brackets.
    public var description: String { multiple == 1 ? base.rawValue : "\(multiple)\(base.rawValue)" }
}
