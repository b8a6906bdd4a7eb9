internal import Documents

/// An array with named dimensions and coordinates, as xarray has it:
/// `{"kind": "dataarray", "dtype": "<f4", "dims": ["x", "y"], "coords": {"x": [1, 2], "y": ["a", "b", "c"]}}`.
public struct DataArrayLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "dataarray"

    /// A coordinate: labels along a dimension of its own name, or values over some dimensions.
    public struct Coordinate: Sendable {
        /// Its name; unique in its array.
        public let name: String
        /// The dimensions that it stands over.
        public let dims: [String]
        /// Its extents.
        public internal(set) var shape: [Int]
        /// Its values in C order.
        public let contents: LabelContents
        /// Its attributes as JSON text; nil without any.
        package let attrs: String?

        /// Whether it labels the dimension of its name.
        public var isIndex: Bool { dims == [name] }
        var path: String { "coords/\(pathComponent(name))" }
    }

    /// The name, as xarray has it.
    public let name: String?
    /// The type of the values.
    public let type: ValueType
    /// The names of the axes.
    public let dims: [String]
    /// The extents.
    public let shape: [Int]
    /// In the order that the user gave them.
    public let coords: [Coordinate]

    /// An array over named dimensions; those without labels get their extent from `shape`.
    public init(
        dtype: DType,
        dims: [String],
        shape: [Int]? = nil,
        coords: [(name: String, labels: LabelContents)] = [],
        name: String? = nil
    ) throws(LayoutError) {
        let coords = coords.map { Coordinate($0, $1) }
        try self.init(ValueType(dtype), dims: dims, shape: shape, coords: coords, name: name)
    }

    /// The same with a type that may have a time zone, and with coordinates that are no dimensions among them.
    public init(
        _ type: ValueType,
        dims: [String],
        shape: [Int]? = nil,
        coords: [Coordinate],
        name: String? = nil
    ) throws(LayoutError) {
        try checkNames(dims, of: "dimension")
        try checkNames(coords.map(\.name), of: "coordinate")
        if dims.count > maximumRank {
            throw .invalidLayout("expected at most \(maximumRank) dimensions, got \(dims.count)")
        }
        self.name = name
        self.type = type
        self.dims = dims
        let extents = try Self.shape(dims, given: shape, coords)
        self.shape = extents
        self.coords = try coords.map { coordinate throws(LayoutError) in
            var coordinate = coordinate
            coordinate.shape = coordinate.dims.map { dim in dims.firstIndex(of: dim).map { extents[$0] } ?? 0 }
            guard product(coordinate.shape, times: 1) == coordinate.contents.labels.count else {
                throw .invalidLayout(
                    "expected data of the shape \(tuple(coordinate.shape)) for the coordinate \(quoted(coordinate.name))"
                )
            }
            return coordinate
        }
    }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) {
        let name = try fields.name()
        let type = try ValueType(&fields)
        guard case .array(let items) = try fields.value("dims") else { throw .invalidLayout("expected dims as a list") }
        let dims = try items.map { item throws(LayoutError) in
            guard case .string(let dim) = item else { throw .invalidLayout("expected dims as strings") }
            return dim
        }
        let shape = try fields.optional("shape").map { value throws(LayoutError) in try extents(value) }
        var coords: [Coordinate] = []
        switch fields.optional("coords") {
        case nil: break
        case .object(let object):
            for member in object.members {
                coords.append(
                    try Coordinate(member.name, member.value, dims: dims, arrayShape: shape, fields.context)
                )
            }
        default: throw .invalidLayout("expected coords as an object")
        }
        try self.init(type, dims: dims, shape: shape, coords: coords, name: name)
    }

    /// Itself.
    public var form: LayoutForm { .dataarray(self) }

    var arrays: [ArraySpecification] {
        [ArraySpecification(path: "values", dtype: type.dtype, shape: shape)]
            + coords.flatMap { $0.contents.arrays(at: $0.path, shape: $0.shape) }
    }

    func writeFields(to json: inout JSONWriter) {
        json.name(name)
        type.writeFields(to: &json)
        json.key("dims")
        json.beginArray()
        for dim in dims { json.string(dim) }
        json.endArray()
        json.key("shape")
        json.shape(shape)
        json.key("coords")
        json.beginObject()
        for coordinate in coords {
            json.key(coordinate.name)
            coordinate.write(to: &json)
        }
        json.endObject()
    }

    /// The extent of each dimension, from `shape` and from the coordinates, which have to agree.
    private static func shape(_ dims: [String], given: [Int]?, _ coords: [Coordinate]) throws(LayoutError) -> [Int] {
        if let given, given.count != dims.count {
            throw .invalidLayout("expected a shape of \(dims.count) extents, one for each of dims, got \(given.count)")
        }
        var extents: [Int?] = given ?? [Int?](repeating: nil, count: dims.count)
        for coordinate in coords {
            for (dim, extent) in zip(coordinate.dims, coordinate.shape) {
                guard let axis = dims.firstIndex(of: dim) else {
                    throw .invalidLayout("the coordinate \(quoted(coordinate.name)) names no dimension: \(quoted(dim))")
                }
                if extent == Coordinate.unknown { continue }
                guard extents[axis] ?? extent == extent else {
                    throw .invalidLayout(
                        "expected \(extents[axis] ?? 0) values along \(quoted(dim)), "
                            + "the coordinate \(quoted(coordinate.name)) has \(extent)"
                    )
                }
                extents[axis] = extent
            }
        }
        var shape: [Int] = []
        for (dim, extent) in zip(dims, extents) {
            guard let extent else {
                throw .invalidLayout("the dimension \(quoted(dim)) has neither a coordinate nor a shape")
            }
            shape.append(extent)
        }
        return shape
    }
}
