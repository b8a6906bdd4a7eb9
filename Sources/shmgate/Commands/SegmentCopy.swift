import Documents
import MicroHTTP

/// What makes another segment like one that is there: the body of a PUT.
///
/// A plain array goes as npy. Everything else is its layout, with the labels that stand in the segment, its attributes
/// and its values, as JSON, which is exact for every dtype.
struct SegmentCopy {
    let client: SegmentClient
    let name: String

    /// The body and its type.
    func body() throws -> (form: FileForm, bytes: [UInt8]) {
        let answer = try client.send("GET", SegmentClient.path(name))
        guard let identity = Self.identity(answer.head),
            case .object(let object) = try SegmentClient.value(of: answer.body),
            let layout = object["layout"], let attrs = try Self.member("attrs", of: answer.body)
        else { throw StartFailure(.other, "expected the description of a segment, got something else") }
        if isPlain(layout), object["attrs"] == .object(JSONObject()) {
            return (.npy, try read("", [("format", "npy")], identity))
        }
        var json = JSONWriter()
        json.beginObject()
        json.key("layout")
        try write(layout, at: "", identity, to: &json)
        json.key("attrs")
        attrs.withUnsafeBytes { json.raw($0) }
        json.key("data")
        try read("", [("format", "json")], identity).withUnsafeBytes { json.raw($0) }
        json.endObject()
        return (.json, json.finish().withUnsafeBytes { Array($0) })
    }

    /// Whether npy says all of a layout.
    private func isPlain(_ layout: JSONValue) -> Bool {
        guard case .object(let layout) = layout, layout.text("kind") == "ndarray" else { return false }
        return layout.text("dtype") != "bfloat16"
    }

    /// Writes a layout, or a part of one, with what its labels are in the place of where they stand.
    private func write(_ layout: JSONValue, at path: String, _ identity: String, to json: inout JSONWriter) throws {
        guard case .object(let object) = layout else { return json.value(layout) }
        let kind = object.text("kind")
        json.beginObject()
        for member in object.members {
            switch (member.name, member.value) {
            case ("buffer", .string(let buffer)):
                let labels = try read(path + buffer, [("format", "json")], identity)
                json.key("data")
                try Self.member("data", of: labels)?.withUnsafeBytes { json.raw($0) }
            case ("size", _) where object["buffer"] != nil, ("nbytes", _) where object["buffer"] != nil: break
            // The other gateway need not know it.
            case ("alias", _) where kind != nil: break
            case ("members", .object(let members)) where kind == "struct":
                json.key("members")
                json.beginObject()
                for member in members.members {
                    json.key(member.name)
                    try write(
                        member.value,
                        at: "\(path)members/\(SegmentClient.encoded(member.name))/",
                        identity,
                        to: &json
                    )
                }
                json.endObject()
            case ("item", let item) where kind == "list":
                json.key("item")
                try write(item, at: "\(path)items/0/", identity, to: &json)
            default:
                json.key(member.name)
                try write(member.value, at: path, identity, to: &json)
            }
        }
        json.endObject()
    }

    /// Data of the very segment that was described.
    private func read(_ member: String, _ parameters: [(String, String)], _ identity: String) throws -> [UInt8] {
        var data: [UInt8] = []
        let head = try client.read(member.isEmpty ? name : "\(name)/\(member)", parameters) { data += $0 }
        guard Self.identity(head) == identity else { throw StartFailure(.conflict, "\(name) was replaced meanwhile") }
        return data
    }

    /// The uuid in the tag of an answer.
    private static func identity(_ head: HTTPClient.Head) -> String? { head["etag"].map { String($0.prefix(37)) } }

    /// A member of a JSON object as it is written.
    private static func member(_ name: String, of json: [UInt8]) throws -> ArraySlice<UInt8>? {
        try json.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.beginObject()
            while let key = try reader.nextKey() {
                let place = try reader.skip()
                if key == name { return json[place] }
            }
            return nil
        }
    }
}
