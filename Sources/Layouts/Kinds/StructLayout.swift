internal import Documents

/// Named members, each with a layout of its own: `{"kind": "struct", "members": {"bids": {…}, "asks": {…}}}`.
public struct StructLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "struct"

    /// In the order that the user gave them.
    public let members: [(name: String, layout: LayoutNode)]

    /// Members with names that differ.
    public init(_ members: [(name: String, layout: LayoutNode)]) throws(LayoutError) {
        try checkNames(members.map(\.name), of: "member")
        if members.contains(where: { $0.name == "patches" }) {
            throw .invalidLayout("expected members of another name than \"patches\", which a PATCH gives a meaning")
        }
        self.members = members
    }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) {
        guard case .object(let object) = try fields.value("members") else {
            throw .invalidLayout("expected members as an object")
        }
        var members: [(String, LayoutNode)] = []
        for member in object.members {
            members.append((member.name, try LayoutNode(member.value, fields.context, depth: fields.depth + 1)))
        }
        try self.init(members)
    }

    /// Itself.
    public var form: LayoutForm { .structure(self) }

    var arrays: [ArraySpecification] {
        members.flatMap { name, layout in layout.arrays.map { $0.below("members/\(pathComponent(name))/") } }
    }

    func writeFields(to json: inout JSONWriter) {
        json.key("members")
        json.beginObject()
        for (name, layout) in members {
            json.key(name)
            layout.write(to: &json)
        }
        json.endObject()
    }
}
