package import Documents

/// The fields of a layout's JSON object, each taken once, so that one that nobody knows is noticed.
public struct LayoutFields {
    private let object: JSONObject
    private var left: Set<String>
    /// Where the JSON comes from.
    package let context: LayoutContext
    /// How deep the layout stands in others, counted from 1.
    let depth: Int

    init(_ json: JSONValue, _ context: LayoutContext, depth: Int) throws(LayoutError) {
        guard case .object(let object) = json else { throw .invalidLayout("expected a layout as a JSON object") }
        self.object = object
        self.context = context
        self.depth = depth
        left = Set(object.members.map(\.name))
    }

    /// All members that nobody has taken, for who reads them as a whole.
    mutating func rest() -> [JSONObject.Member] {
        defer { left = [] }
        return object.members.filter { left.contains($0.name) }
    }

    /// Takes a field that may be missing.
    package mutating func optional(_ name: String) -> JSONValue? {
        left.remove(name)
        return object[name]
    }

    /// Takes a field that has to be there.
    package mutating func value(_ name: String) throws(LayoutError) -> JSONValue {
        guard let value = optional(name) else { throw .invalidLayout("the layout lacks its field \(quoted(name))") }
        return value
    }

    /// Takes a string.
    public mutating func string(_ name: String) throws(LayoutError) -> String {
        guard case .string(let text) = try value(name) else {
            throw .invalidLayout("expected a string for the layout's field \(quoted(name))")
        }
        return text
    }

    /// Takes an integer of 0 or more; without a default it has to be there.
    public mutating func count(_ name: String, default value: Int? = nil) throws(LayoutError) -> Int {
        if let value, optional(name) == nil { return value }
        guard let number = try self.value(name).integer, number >= 0 else {
            throw .invalidLayout("expected an integer of 0 or more for the layout's field \(quoted(name))")
        }
        return number
    }

    /// Takes a dtype in any of NumPy's spellings.
    public mutating func dtype(_ name: String) throws(LayoutError) -> DType { try DType(value(name)) }

    /// Takes a list of extents of 0 or more.
    public mutating func shape(_ name: String) throws(LayoutError) -> [Int] { try extents(value(name)) }

    /// Takes a name that may be missing or null.
    mutating func name(_ field: String = "name") throws(LayoutError) -> String? {
        switch optional(field) {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw .invalidLayout("expected a string or null for the layout's field \(quoted(field))")
        }
    }

    /// Refuses what nobody took.
    func finish() throws(LayoutError) {
        if let name = left.min() { throw .invalidLayout("the layout has an unknown field \(quoted(name))") }
    }
}

/// Refuses names that are empty or stand twice; `what` says whose names they are.
func checkNames(_ names: [String], of what: String) throws(LayoutError) {
    var seen: Set<[UInt8]> = []
    for name in names {
        if name.isEmpty { throw .invalidLayout("expected a name for every \(what), got an empty one") }
        if !seen.insert(Array(name.utf8)).inserted { throw .invalidLayout("the \(what) \(quoted(name)) occurs twice") }
    }
}

/// A name as it stands in the path of a buffer.
package func pathComponent(_ name: String) -> String {
    name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "%") })
        ? name.replacing("%", with: "%25").replacing("/", with: "%2F") : name
}
