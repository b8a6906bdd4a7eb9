internal import Documents

/// Columns with common labels:
/// `{"kind": "dataframe", "columns": [{"name": "a", "dtype": "<f4"}], "index": ["x", "y"]}`.
///
/// Columns of one dtype stand together, each on a multiple of 64 bytes, so that they are one block to pandas.
public struct DataFrameLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "dataframe"

    /// A column's name and type.
    public struct Column: Sendable {
        /// Its name; unique in its frame.
        public let name: String
        /// The type of its values.
        public let type: ValueType

        /// A column of a dtype.
        public init(_ name: String, _ dtype: DType) throws(LayoutError) {
            self.name = name
            type = try ValueType(dtype)
        }

        /// A column of a type that may have a time zone.
        public init(name: String, type: ValueType) {
            self.name = name
            self.type = type
        }
    }

    /// In the order that the user gave them.
    public let columns: [Column]
    /// The labels of the rows.
    public let index: LabelContents
    /// For each column the place of its array among those of the layout.
    package let arrayOfColumn: [Int]
    /// The number of each column by the bytes of its name.
    private let columnByName: [[UInt8]: Int]

    /// Columns over the same rows.
    public init(columns: [Column], index: LabelContents) throws(LayoutError) {
        try checkNames(columns.map(\.name), of: "column")
        self.columns = columns
        self.index = index
        var dtypes: [DType: Int] = [:]
        for column in columns where dtypes[column.type.dtype] == nil { dtypes[column.type.dtype] = dtypes.count }
        let order = columns.indices.sorted {
            (dtypes[columns[$0].type.dtype] ?? 0, $0) < (dtypes[columns[$1].type.dtype] ?? 0, $1)
        }
        var places = [Int](repeating: 0, count: columns.count)
        for (place, column) in order.enumerated() { places[column] = place }
        arrayOfColumn = places
        columnByName = Dictionary(uniqueKeysWithValues: columns.enumerated().map { (Array($1.name.utf8), $0) })
    }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) {
        let columns: [Column]
        switch (fields.optional("columns"), fields.optional("dtypes")) {
        case (.array(let items), nil): columns = try Self.columns(items)
        case (nil, .array(let pairs)): columns = try Self.columns(pairs: pairs)
        case (nil, .object(let object)):
            columns = try object.members.map { member throws(LayoutError) in
                Column(name: member.name, type: try ValueType(json: member.value))
            }
        default: throw .invalidLayout("expected columns or dtypes as a list")
        }
        try self.init(
            columns: columns,
            index: LabelContents(fields.value("index"), path: "index", fields.context)
        )
    }

    /// Itself.
    public var form: LayoutForm { .dataframe(self) }

    /// The number of a column; ``LayoutError/noSuchMember(_:)`` if there is none of the name.
    package func column(_ name: String) throws(LayoutError) -> Int {
        guard let column = columnByName[Array(name.utf8)] else {
            throw .noSuchMember("the dataframe has no column \(quoted(name))")
        }
        return column
    }

    var arrays: [ArraySpecification] {
        var arrays = [ArraySpecification?](repeating: nil, count: columns.count)
        for (column, place) in zip(columns, arrayOfColumn) {
            arrays[place] = ArraySpecification(
                path: "columns/\(pathComponent(column.name))",
                dtype: column.type.dtype,
                shape: [index.labels.count]
            )
        }
        return arrays.compactMap { $0 } + index.arrays(at: "index")
    }

    func writeFields(to json: inout JSONWriter) {
        json.key("columns")
        json.beginArray()
        for column in columns {
            json.beginObject()
            json.name(column.name)
            column.type.writeFields(to: &json)
            json.endObject()
        }
        json.endArray()
        json.key("index")
        index.write(to: &json, at: "index")
    }

    private static func columns(_ items: [JSONValue]) throws(LayoutError) -> [Column] {
        try items.map { item throws(LayoutError) in
            guard case .object(let object) = item, case .string(let name) = object["name"], let dtype = object["dtype"],
                object.members.allSatisfy({ ["name", "dtype", "tz"].contains($0.name) })
            else { throw .invalidLayout("expected each column as an object of name and dtype") }
            var zone: String?
            if case .string(let text) = object["tz"] { zone = text }
            return Column(name: name, type: try ValueType(json: dtype, zone: zone))
        }
    }

    private static func columns(pairs: [JSONValue]) throws(LayoutError) -> [Column] {
        try pairs.map { pair throws(LayoutError) in
            guard case .array(let parts) = pair, parts.count == 2, case .string(let name) = parts[0] else {
                throw .invalidLayout("expected each of dtypes as [name, dtype]")
            }
            return Column(name: name, type: try ValueType(json: parts[1]))
        }
    }
}
