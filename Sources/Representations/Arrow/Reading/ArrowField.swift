internal import Layouts

/// How the elements of a column stand in the buffers of Arrow.
enum ArrowStorage: Equatable {
    /// Eight bools to a byte.
    case bits
    /// One behind the other, as NumPy has them.
    case elements(DType)
    /// Days since 1970, of four bytes.
    case days
    /// Bytes that offsets of four or eight bytes cut.
    case texts(offsetByteCount: Int, isUTF8: Bool)
    /// Words of sixteen bytes: a length, and the bytes themselves or where they are.
    case views(isUTF8: Bool)

    /// The dtype of an element that is packed; nil for texts of any length.
    var dtype: DType? {
        switch self {
        case .bits: DType(.bool)
        case .elements(let dtype): dtype
        case .days: DType(.datetime(TimeUnit(.day)))
        case .texts, .views: nil
        }
    }

    /// How many buffers a column has, those of views beyond the second left out.
    var bufferCount: Int {
        if case .texts = self { return 3 }
        return 2
    }
}

/// A column of an Arrow body: its name, and what its elements are.
struct ArrowField {
    let name: String
    /// How its elements stand, or those of its dictionary.
    let storage: ArrowStorage
    /// The zone of its instants.
    let zone: String?
    /// Which dictionary it has, and the type of the numbers that lead there; nil without one.
    let dictionary: (id: Int64, indices: DType)?

    /// Bytes of its own texts.
    var textByteCount: Int { name.utf8.count + (zone?.utf8.count ?? 0) }

    /// How the elements of its rows stand: the numbers where it has a dictionary.
    var rowStorage: ArrowStorage { dictionary.map { .elements($0.indices) } ?? storage }

    /// Reads a field of a schema; a type that no segment has is ``LayoutError/invalidDType(_:)`` and names the column.
    init(_ table: FlatTable) throws {
        name = try table.string(0) ?? ""
        let number: UInt8 = try table.number(2)
        guard let type = try table.table(3) else {
            throw RepresentationError.invalidBody("the column \"\(name)\" of the Arrow body has no type")
        }
        var zone: String?
        guard let storage = try Self.storage(number, type, &zone) else {
            let word = Self.names.indices.contains(Int(number)) ? Self.names[Int(number)] : "type \(number)"
            throw LayoutError.invalidDType(
                "expected numbers, bools, texts, datetimes or durations, the column \"\(name)\" is of Arrow's \(word)"
            )
        }
        self.storage = storage
        self.zone = zone
        guard let encoding = try table.table(4) else {
            dictionary = nil
            return
        }
        let indices = try encoding.table(1).map { try Self.integer($0) } ?? DType(.int32)
        guard let indices else {
            throw RepresentationError.invalidBody(
                "the dictionary of the column \"\(name)\" has indices of no integer type"
            )
        }
        dictionary = (try encoding.number(0), indices)
    }

    private static func storage(_ number: UInt8, _ type: FlatTable, _ zone: inout String?) throws -> ArrowStorage? {
        switch number {
        case 2: return try integer(type).map { .elements($0) }
        case 3:
            let elements: [DType.Element] = [.float16, .float32, .float64]
            let precision: Int16 = try type.number(0)
            return elements.indices.contains(Int(precision)) ? .elements(DType(elements[Int(precision)])) : nil
        case 4: return .texts(offsetByteCount: 4, isUTF8: false)
        case 5: return .texts(offsetByteCount: 4, isUTF8: true)
        case 6: return .bits
        case 8:
            let unit: Int16 = try type.number(0, default: 1)
            return unit == 0 ? .days : unit == 1 ? .elements(DType(.datetime(TimeUnit(.millisecond)))) : nil
        case 10:
            zone = try type.string(1)
            if zone == "" { zone = nil }
            return try unit(type.number(0)).map { .elements(DType(.datetime($0))) }
        case 15:
            let width: Int32 = try type.number(0)
            return width > 0 ? .elements(DType(.bytes(Int(width)))) : nil
        case 18: return try unit(type.number(0, default: 1)).map { .elements(DType(.timedelta($0))) }
        case 19: return .texts(offsetByteCount: 8, isUTF8: false)
        case 20: return .texts(offsetByteCount: 8, isUTF8: true)
        case 23: return .views(isUTF8: false)
        case 24: return .views(isUTF8: true)
        default: return nil
        }
    }

    private static func integer(_ type: FlatTable) throws(RepresentationError) -> DType? {
        let isSigned: UInt8 = try type.number(1)
        let bits: Int32 = try type.number(0)
        switch (bits, isSigned != 0) {
        case (8, true): return DType(.int8)
        case (16, true): return DType(.int16)
        case (32, true): return DType(.int32)
        case (64, true): return DType(.int64)
        case (8, false): return DType(.uint8)
        case (16, false): return DType(.uint16)
        case (32, false): return DType(.uint32)
        case (64, false): return DType(.uint64)
        default: return nil
        }
    }

    private static func unit(_ number: Int16) -> TimeUnit? {
        let units: [TimeUnit.Base] = [.second, .millisecond, .microsecond, .nanosecond]
        return units.indices.contains(Int(number)) ? TimeUnit(units[Int(number)]) : nil
    }

    /// Arrow's own words for its types, by their numbers.
    private static let names = [
        "none", "null", "int", "floating_point", "binary", "utf8", "bool", "decimal", "date", "time", "timestamp",
        "interval", "list", "struct", "union", "fixed_size_binary", "fixed_size_list", "map", "duration",
        "large_binary", "large_utf8", "large_list", "run_end_encoded", "binary_view", "utf8_view", "list_view",
        "large_list_view",
    ]
}
