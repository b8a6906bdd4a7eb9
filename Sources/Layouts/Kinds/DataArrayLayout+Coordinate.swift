internal import Documents

extension DataArrayLayout.Coordinate {
    /// Reads a coordinate: labels, or `{"dims": […], "data": …}` for one that is not a dimension.
    ///
    /// In a header the extents are those of the array, `arrayShape`.
    init(
        _ name: String,
        _ json: JSONValue,
        dims: [String],
        arrayShape: [Int]?,
        _ context: LayoutContext
    ) throws(LayoutError) {
        var json = json
        var attrs: String?
        var ownDims = dims.contains(name) ? [name] : nil
        var shape: [Int]?
        if case .object(var object) = json {
            if let value = Self.take("attrs", from: &object) {
                guard case .object = value else { throw .invalidLayout("expected attrs as an object") }
                attrs = value == .object(JSONObject()) ? nil : text(of: value)
            }
            if let value = Self.take("dims", from: &object) { ownDims = try Self.names(value) }
            if ownDims != [name], let data = object["data"] {
                let (items, extents) = Self.flattened(data, depth: ownDims?.count ?? 0)
                shape = extents
                Self.replace("data", with: .array(items), in: &object)
            }
            // Without a dtype the labels are what a bare list would be.
            json = object.members.count == 1 ? object["data"] ?? .object(object) : .object(object)
        }
        guard let ownDims else {
            throw .invalidLayout("expected dims for the coordinate \(quoted(name)), which is not one of dims itself")
        }
        self.name = name
        self.dims = ownDims
        self.attrs = attrs
        if context.isHeader, let arrayShape, arrayShape.count == dims.count {
            shape = ownDims.compactMap { dim in dims.firstIndex(of: dim).map { arrayShape[$0] } }
        }
        contents = try LabelContents(json, path: "coords/\(pathComponent(name))", context)
        let extents = shape ?? [contents.labels.count]
        guard extents.count == ownDims.count,
            extents.contains(Self.unknown) || product(extents, times: 1) == contents.labels.count
        else {
            throw .invalidLayout(
                "expected the data of the coordinate \(quoted(name)) over \(ownDims.count) dimensions"
            )
        }
        self.shape = extents
    }

    /// Writes labels, with dims before them where it is no dimension.
    func write(to json: inout JSONWriter) {
        json.beginObject()
        if !isIndex {
            json.key("dims")
            json.beginArray()
            for dim in dims { json.string(dim) }
            json.endArray()
        }
        contents.writeFields(to: &json, at: path)
        if let attrs {
            json.key("attrs")
            json.raw(attrs)
        }
        json.endObject()
    }

    private static func take(_ name: String, from object: inout JSONObject) -> JSONValue? {
        guard let place = object.members.firstIndex(where: { $0.name == name }) else { return nil }
        return object.members.remove(at: place).value
    }

    private static func replace(_ name: String, with value: JSONValue, in object: inout JSONObject) {
        if let place = object.members.firstIndex(where: { $0.name == name }) { object.members[place].value = value }
    }

    private static func names(_ json: JSONValue) throws(LayoutError) -> [String] {
        if case .string(let name) = json { return [name] }
        guard case .array(let items) = json else { throw .invalidLayout("expected dims as a list of strings") }
        return try items.map { item throws(LayoutError) in
            guard case .string(let name) = item else { throw .invalidLayout("expected dims as a list of strings") }
            return name
        }
    }

    /// The extent behind one of 0, of which lists tell nothing.
    static let unknown = -1

    /// The items of nested lists in C order, and the lengths along the first of them.
    private static func flattened(_ json: JSONValue, depth: Int) -> (items: [JSONValue], shape: [Int]) {
        guard depth > 0, case .array(let items) = json else { return ([json], []) }
        let parts = items.map { flattened($0, depth: depth - 1) }
        let inner = parts.first?.shape ?? [Int](repeating: Self.unknown, count: depth - 1)
        return (parts.flatMap(\.items), [items.count] + inner)
    }
}
