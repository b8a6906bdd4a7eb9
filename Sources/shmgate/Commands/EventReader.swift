import Documents

/// A server-sent event.
struct ServerEvent {
    /// `change`, `replace` and so on.
    let type: String
    let data: JSONObject
}

/// Takes a stream of server-sent events apart, as the HTML standard has it.
struct EventReader {
    /// The id of the last event, for `Last-Event-ID`.
    private(set) var lastID: String?
    private var line: [UInt8] = []
    private var type = ""
    private var data: [UInt8] = []
    /// That of the block that is being read; it holds when the block is whole.
    private var id: String?

    /// Begins a stream behind an id.
    init(behind id: String? = nil) { (lastID, self.id) = (id, id) }

    /// Takes bytes as they come, and gives the events that end in them.
    mutating func take(_ bytes: ArraySlice<UInt8>) throws -> [ServerEvent] {
        var events: [ServerEvent] = []
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            line += rest[..<end]
            rest = rest[(end + 1)...]
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if !line.isEmpty {
                takeField()
            } else if let event = try endBlock() {
                events.append(event)
            }
            line.removeAll(keepingCapacity: true)
        }
        line += rest
        return events
    }

    /// A line of a block; one that begins with a colon is a comment.
    private mutating func takeField() {
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "id": id = String(decoding: value, as: UTF8.self)
        case "event": type = String(decoding: value, as: UTF8.self)
        case "data": data += data.isEmpty ? Array(value) : [UInt8(ascii: "\n")] + value
        default: break
        }
    }

    /// What stands in the block that ends here; without data it is no event.
    private mutating func endBlock() throws -> ServerEvent? {
        lastID = id
        defer { (type, data) = ("", []) }
        if data.isEmpty { return nil }
        guard case .object(let object) = try SegmentClient.value(of: data) else {
            throw StartFailure(.other, "expected an event with a JSON object, got something else")
        }
        return ServerEvent(type: type, data: object)
    }
}
