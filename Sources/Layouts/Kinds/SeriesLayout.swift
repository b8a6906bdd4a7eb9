internal import Documents

/// A column of values with labels: `{"kind": "series", "dtype": "<f4", "index": ["a", "b", "c"]}`.
public struct SeriesLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "series"

    /// The name, as pandas has it.
    public let name: String?
    /// The type of the values.
    public let type: ValueType
    /// The labels.
    public let index: LabelContents

    /// Values of a dtype, one for each label; ``LayoutError/invalidDType(_:)`` where pandas has no such column.
    public init(dtype: DType, index: LabelContents, name: String? = nil) throws(LayoutError) {
        type = try ValueType(dtype)
        self.index = index
        self.name = name
    }

    /// The same with a type that may have a time zone.
    public init(_ type: ValueType, index: LabelContents, name: String? = nil) {
        self.type = type
        self.index = index
        self.name = name
    }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) {
        name = try fields.name()
        type = try ValueType(&fields)
        index = try LabelContents(fields.value("index"), path: "index", fields.context)
    }

    /// Itself.
    public var form: LayoutForm { .series(self) }

    var arrays: [ArraySpecification] {
        [ArraySpecification(path: "values", dtype: type.dtype, shape: [index.labels.count])] + index.arrays(at: "index")
    }

    func writeFields(to json: inout JSONWriter) {
        json.name(name)
        type.writeFields(to: &json)
        json.key("index")
        index.write(to: &json, at: "index")
    }
}

/// The dtype of a labelled value, and the zone that its instants belong to.
public struct ValueType: Equatable, Sendable {
    /// Little-endian and not structured; times in s, ms, us or ns.
    public let dtype: DType
    /// The time zone of a datetime64, whose counts are UTC; nil for naive ones.
    public let zone: String?

    /// Checks that a labelled value can have the dtype.
    public init(_ dtype: DType, zone: String? = nil) throws(LayoutError) {
        switch dtype.element {
        case .structured: throw .invalidDType("expected labelled values without fields, got \(dtype)")
        case .datetime(let unit), .timedelta(let unit): try unit.requirePandas(dtype)
        default: break
        }
        if let zone {
            guard case .datetime = dtype.element else {
                throw .invalidDType("expected a time zone for a datetime64, got one for \(dtype)")
            }
            guard TimeZone.named(zone) != nil else { throw .invalidDType("there is no time zone \(quoted(zone))") }
        }
        self.dtype = DType(dtype.element)
        self.zone = zone
    }

    /// Takes `dtype` and `tz`; pandas' `datetime64[ns, UTC]` says both.
    init(_ fields: inout LayoutFields) throws(LayoutError) {
        try self.init(json: fields.value("dtype"), zone: fields.name("tz"))
    }

    init(json: JSONValue, zone: String? = nil) throws(LayoutError) {
        if case .string(let text) = json, let (plain, inside) = splitZone(text) {
            try self.init(DType(plain), zone: inside)
        } else {
            try self.init(DType(json), zone: zone)
        }
    }

    /// The dtype as pandas spells it: with the zone inside the brackets if there is one.
    package var pandasSpelling: String? {
        guard let zone, case .datetime(let unit) = dtype.element else { return nil }
        return "datetime64[\(unit), \(zone)]"
    }

    func writeFields(to json: inout JSONWriter) {
        json.key("dtype")
        dtype.write(to: &json)
        if let zone {
            json.key("tz")
            json.string(zone)
        }
    }
}

/// Takes the zone out of `datetime64[ns, UTC]`; nil for texts without one.
package func splitZone(_ text: String) -> (dtype: String, zone: String)? {
    guard text.hasPrefix("datetime64["), text.hasSuffix("]"), let comma = text.firstIndex(of: ",") else { return nil }
    return ("\(text[..<comma])]", String(text[text.index(after: comma)...].dropLast().drop { $0 == " " }))
}

extension TimeUnit {
    /// Refuses units that pandas has no columns and labels of.
    func requirePandas(_ dtype: DType) throws(LayoutError) {
        guard [.second, .millisecond, .microsecond, .nanosecond].contains(base), multiple == 1 else {
            throw .invalidDType("expected a time in s, ms, us or ns, got \(dtype)")
        }
    }
}

extension JSONWriter {
    /// Writes the member `name`: a string or null.
    mutating func name(_ name: String?) {
        key("name")
        if let name { string(name) } else { null() }
    }
}
