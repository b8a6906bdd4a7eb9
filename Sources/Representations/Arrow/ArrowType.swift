internal import Layouts

/// The types of Arrow that dtypes become.
enum ArrowType: Equatable {
    case int(bits: Int32, isSigned: Bool)
    case float(bits: Int32)
    case bool
    case timestamp(unit: Int16, zone: String?)
    case duration(unit: Int16)
    /// Text with 64-bit offsets.
    case largeText

    /// The type for a dtype; nil where Arrow has none: complex numbers, bfloat16, structured dtypes, units beside s, ms,
    /// us and ns.
    init?(_ dtype: DType, zone: String?) {
        switch dtype.element {
        case .bool: self = .bool
        case .int8: self = .int(bits: 8, isSigned: true)
        case .int16: self = .int(bits: 16, isSigned: true)
        case .int32: self = .int(bits: 32, isSigned: true)
        case .int64: self = .int(bits: 64, isSigned: true)
        case .uint8: self = .int(bits: 8, isSigned: false)
        case .uint16: self = .int(bits: 16, isSigned: false)
        case .uint32: self = .int(bits: 32, isSigned: false)
        case .uint64: self = .int(bits: 64, isSigned: false)
        case .float16: self = .float(bits: 16)
        case .float32: self = .float(bits: 32)
        case .float64: self = .float(bits: 64)
        case .datetime(let unit):
            guard let number = Self.number(of: unit) else { return nil }
            self = .timestamp(unit: number, zone: zone)
        case .timedelta(let unit):
            guard let number = Self.number(of: unit) else { return nil }
            self = .duration(unit: number)
        case .bytes, .text: self = .largeText
        case .bfloat16, .complex64, .complex128, .structured: return nil
        }
    }

    private static func number(of unit: TimeUnit) -> Int16? {
        guard unit.multiple == 1 else { return nil }
        return switch unit.base {
        case .second: 0
        case .millisecond: 1
        case .microsecond: 2
        case .nanosecond: 3
        default: nil
        }
    }

    /// The number of the type in the union `Type`, and its table.
    func table(in flat: inout FlatBuffer) -> (number: UInt8, FlatBuffer.Place) {
        switch self {
        case .int(let bits, let isSigned):
            return (2, flat.table([(0, .int(bits)), (1, .byte(isSigned ? 1 : 0))]))
        case .float(let bits): return (3, flat.table([(0, .short(bits == 16 ? 0 : bits == 32 ? 1 : 2))]))
        case .bool: return (6, flat.table([]))
        case .timestamp(let unit, let zone):
            let name = zone.map { flat.string($0) }
            return (10, flat.table([(0, .short(unit))] + (name.map { [(1, .reference($0))] } ?? [])))
        case .duration(let unit): return (18, flat.table([(0, .short(unit))]))
        case .largeText: return (20, flat.table([]))
        }
    }

    /// What pandas' metadata call it: its own name, and NumPy's.
    var pandasNames: (pandas: String, numpy: String) {
        switch self {
        case .int(let bits, let isSigned):
            ("\(isSigned ? "" : "u")int\(bits)", "\(isSigned ? "" : "u")int\(bits)")
        case .float(let bits): ("float\(bits)", "float\(bits)")
        case .bool: ("bool", "bool")
        case .timestamp(let unit, let zone):
            (zone == nil ? "datetime" : "datetimetz", "datetime64[\(Self.names[Int(unit)])]")
        case .duration(let unit): ("timedelta", "timedelta64[\(Self.names[Int(unit)])]")
        case .largeText: ("unicode", "object")
        }
    }

    private static let names = ["s", "ms", "us", "ns"]
}
