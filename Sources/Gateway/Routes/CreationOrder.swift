internal import Documents
internal import Glibc
internal import Layouts
internal import Representations
internal import Segments

/// The body of `POST /segments`, or of a PUT, whose name its path says; read but not yet carried out.
struct CreationOrder {
    let name: SegmentName
    let layout: LayoutNode
    private(set) var attrs = "{}"
    private(set) var mode: UInt32?
    private(set) var lifetimeSeconds: Double?
    private(set) var replaces = false
    private(set) var isReadOnly = false
    private(set) var isPinned = false
    /// Where the value of `fill` begins.
    private var fill: JSONReader?
    /// Where the value of `data` begins.
    private var data: JSONReader?

    /// Reads the members of the object; one that nobody knows is refused.
    init(reading body: UnsafeRawBufferPointer, _ registry: LayoutRegistry, name given: SegmentName? = nil) throws {
        var reader = JSONReader(body)
        var nameValue: JSONValue?
        var layoutValue: JSONValue?
        guard try reader.peek() == .object else { throw Problem(.invalidJSON, "expected a JSON object") }
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "name" where given == nil: nameValue = try reader.value()
            case "layout": layoutValue = try Self.plain(reader.value(), "layout")
            case "fill":
                fill = reader
                _ = try reader.skip()
            case "data":
                data = reader
                _ = try reader.skip()
            case "attrs": attrs = try Self.attributes(&reader, body)
            case "mode": mode = try Self.mode(reader.value())
            case "ttl": lifetimeSeconds = try Self.lifetime(reader.value())
            case "replace": replaces = try Self.flag(reader.value(), key)
            case "readonly": isReadOnly = try Self.flag(reader.value(), key)
            case "pinned": isPinned = try Self.flag(reader.value(), key)
            default: throw Problem(.invalidLayout, "expected the members of a new segment, got \"\(key)\"")
            }
        }
        try reader.finish()
        name = try given ?? Self.name(nameValue)
        guard let layoutValue else { throw Problem(.invalidLayout, "expected the member \"layout\"") }
        layout = try LayoutNode(layoutValue, .request(registry))
        if fill != nil, data != nil { throw Problem(.invalidLayout, "expected fill or data, got both") }
    }

    /// What `fill` or `data` put into the arrays, converted to their dtypes and checked.
    func contents(of header: SegmentHeader) throws -> Contents {
        if var fill { return try Contents(filling: header, from: &fill) }
        if var data { return try Contents(of: header, from: &data) }
        return Contents(of: header)
    }

    private static func name(_ value: JSONValue?) throws -> SegmentName {
        guard case .string(let text) = value else {
            throw Problem(.invalidName, "expected the member \"name\" as a string")
        }
        return try SegmentName(text)
    }

    /// A value without numbers that nobody can hold.
    private static func plain(_ value: JSONValue, _ what: String) throws(Problem) -> JSONValue {
        if value.hasOverflow { throw Problem(.invalidJSON, "the \(what) has a number that no double can hold") }
        return value
    }

    /// The text of the attributes as it came, so that no digit is lost.
    private static func attributes(_ reader: inout JSONReader, _ body: UnsafeRawBufferPointer) throws -> String {
        guard try reader.peek() == .object else { throw Problem(.invalidLayout, "expected attrs as a JSON object") }
        let range = try reader.skip()
        let text = UnsafeRawBufferPointer(rebasing: body[range])
        var shallow = JSONReader(text, maximumDepth: SegmentHeader.maximumAttributeDepth)
        _ = try plain(shallow.value(), "attrs")
        return String(decoding: text, as: UTF8.self)
    }

    static func flag(_ value: JSONValue, _ name: String) throws(Problem) -> Bool {
        guard case .bool(let flag) = value else { throw Problem(.invalidLayout, "expected true or false for \(name)") }
        return flag
    }

    /// Permission bits as octal text.
    static func mode(_ value: JSONValue) throws(Problem) -> UInt32 {
        guard case .string(let text) = value, let mode = permissionBits(text) else {
            throw Problem(.invalidLayout, "expected mode as octal text from \"0000\" to \"0777\"")
        }
        return mode
    }

    static func lifetime(_ value: JSONValue) throws(Problem) -> Double? {
        let seconds: Double
        switch value {
        case .null: return nil
        case .number(.integer(let value)): seconds = Double(value)
        case .number(.double(let value)): seconds = value
        case .number(.overflow): throw Problem(.invalidJSON, "the ttl is a number that no double can hold")
        default: throw Problem(.invalidLayout, "expected ttl as a number of seconds")
        }
        guard seconds > 0, seconds <= 3e9 else {
            throw Problem(
                .invalidLayout,
                "expected a ttl of more than 0 and at most 3000000000 seconds, got \(seconds)"
            )
        }
        return seconds
    }
}

/// Reads permission bits from three or four octal digits; nil for anything else.
package func permissionBits(_ text: String) -> UInt32? {
    guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (48...55).contains($0) }),
        let mode = UInt32(text, radix: 8), mode <= 0o777
    else { return nil }
    return mode
}
