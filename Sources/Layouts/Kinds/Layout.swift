package import Documents

/// What the bytes of a segment mean.
package protocol Layout: Sendable {
    /// The word for it in JSON.
    static var kind: String { get }

    /// Reads the fields of its JSON object.
    init(fields: inout LayoutFields) throws(LayoutError)

    /// The arrays that it needs, in the order in which they lie in the segment.
    var arrays: [ArraySpecification] { get }

    /// Writes its fields in canonical form, `kind` excepted.
    func writeFields(to json: inout JSONWriter)
}

extension Layout {
    /// The word for it in JSON.
    package var kind: String { Self.kind }

    /// Writes the layout in canonical form.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("kind")
        json.string(kind)
        writeFields(to: &json)
        json.endObject()
    }
}

/// The built-in kinds by their words.
private let kinds: [any Layout.Type] = [NdarrayLayout.self, BytesLayout.self]

/// Reads layout JSON of any kind.
package func layout(from json: JSONValue) throws(LayoutError) -> any Layout {
    var fields = try LayoutFields(json)
    let kind = try fields.string("kind")
    guard let type = kinds.first(where: { $0.kind == kind }) else {
        throw .invalidLayout(
            "expected one of the kinds \(kinds.map { $0.kind }.joined(separator: ", ")), got \(quoted(kind))"
        )
    }
    let layout = try type.init(fields: &fields)
    try fields.finish()
    for array in layout.arrays where product(array.shape, times: array.dtype.byteCount) == nil {
        throw .invalidLayout("expected an array that a machine can hold, got the shape \(tuple(array.shape))")
    }
    return layout
}

/// The fields of a layout's JSON object, each taken once, so that one that nobody knows is noticed.
package struct LayoutFields {
    private let object: JSONObject
    private var left: Set<String>

    init(_ json: JSONValue) throws(LayoutError) {
        guard case .object(let object) = json else { throw .invalidLayout("expected a layout as a JSON object") }
        self.object = object
        left = Set(object.members.map(\.name))
    }

    /// Takes a field that has to be there.
    package mutating func value(_ name: String) throws(LayoutError) -> JSONValue {
        guard let value = object[name] else { throw .invalidLayout("the layout lacks its field \(quoted(name))") }
        left.remove(name)
        return value
    }

    /// Takes a string.
    package mutating func string(_ name: String) throws(LayoutError) -> String {
        guard case .string(let text) = try value(name) else {
            throw .invalidLayout("expected a string for the layout's field \(quoted(name))")
        }
        return text
    }

    /// Refuses what nobody took.
    func finish() throws(LayoutError) {
        if let name = left.min() { throw .invalidLayout("the layout has an unknown field \(quoted(name))") }
    }
}
