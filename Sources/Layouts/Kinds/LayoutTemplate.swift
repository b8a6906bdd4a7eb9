package import Documents

/// A layout of the user's own, as JSON with holes: `{"$": "depth"}` stands for the value of the parameter `depth`.
package struct LayoutTemplate: Sendable {
    /// Its word.
    package let kind: String
    /// The parameters with their defaults.
    package let parameters: JSONObject
    /// The layout, with holes.
    package let layout: JSONValue

    /// Reads `{"parameters": {…}, "layout": {…}}`; what it builds on is looked for when it is used.
    package init(kind: String, _ json: JSONValue) throws(LayoutError) {
        guard (1...100).contains(kind.utf8.count), kind.utf8.allSatisfy(Self.isAllowed) else {
            throw .invalidLayout("expected a kind of 1 to 100 bytes of A-Z, a-z, 0-9, '_' and '-', got \(quoted(kind))")
        }
        guard case .object(let object) = json, let layout = object["layout"],
            object.members.allSatisfy({ ["parameters", "layout"].contains($0.name) })
        else { throw .invalidLayout("expected an object of parameters and layout") }
        switch object["parameters"] {
        case nil: parameters = JSONObject()
        case .object(let given): parameters = given
        default: throw .invalidLayout("expected parameters as an object of names and defaults")
        }
        if parameters["kind"] != nil { throw .invalidLayout("expected parameters of another name than \"kind\"") }
        self.kind = kind
        self.layout = layout
    }

    /// Tries the defaults among the layouts of a registry, with itself in the place that it would take.
    package func check(among registry: LayoutRegistry) throws(LayoutError) {
        let (expanded, _) = try self.expanded([])
        _ = try LayoutNode(expanded, .request(registry.with(self)), depth: 2)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// The layout with its holes filled, and the alias that says how.
    func expanded(_ given: [JSONObject.Member]) throws(LayoutError) -> (JSONValue, alias: String) {
        var values = parameters
        for member in given {
            guard let place = values.members.firstIndex(where: { $0.name == member.name }) else {
                throw .invalidLayout("the layout \(quoted(kind)) has no parameter \(quoted(member.name))")
            }
            values.members[place].value = member.value
        }
        let alias = JSONObject(members: [.init(name: "kind", value: .string(kind))] + values.members)
        let filled = try filled(layout, values)
        var room = Self.maximumWeight
        guard filled.fits(&room) else {
            throw .invalidLayout("the layout \(quoted(kind)) becomes too large with its parameters filled in")
        }
        return (filled, text(of: .object(alias)))
    }

    /// The most that a template may become: templates that each double what the next one gets would fill all memory.
    private static let maximumWeight = 4 << 20

    private func filled(_ json: JSONValue, _ values: JSONObject) throws(LayoutError) -> JSONValue {
        switch json {
        case .object(let object):
            if object.members.count == 1, case .string(let name) = object["$"] {
                guard let value = values[name] else {
                    throw .invalidLayout("the layout \(quoted(kind)) does not declare its parameter \(quoted(name))")
                }
                return value
            }
            var members: [JSONObject.Member] = []
            for member in object.members {
                members.append(.init(name: member.name, value: try filled(member.value, values)))
            }
            return .object(JSONObject(members: members))
        case .array(let items):
            var filledItems: [JSONValue] = []
            for item in items { filledItems.append(try filled(item, values)) }
            return .array(filledItems)
        default: return json
        }
    }

    /// Writes `{"kind", "parameters", "layout"}`.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("kind")
        json.string(kind)
        json.key("parameters")
        json.value(.object(parameters))
        json.key("layout")
        json.value(layout)
        json.endObject()
    }
}

extension JSONValue {
    /// Takes the size of the value, roughly that of its text, from what is left; stops as soon as that is not enough.
    fileprivate func fits(_ room: inout Int) -> Bool {
        switch self {
        case .object(let object):
            room -= 1
            for member in object.members {
                room -= member.name.utf8.count
                guard room >= 0, member.value.fits(&room) else { return false }
            }
        case .array(let items):
            room -= 1
            for item in items { guard item.fits(&room) else { return false } }
        case .string(let text): room -= 1 + text.utf8.count
        case .number, .bool, .null: room -= 1
        }
        return room >= 0
    }
}
