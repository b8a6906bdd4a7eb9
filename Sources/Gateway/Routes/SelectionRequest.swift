internal import Documents
internal import Layouts
internal import Segments

/// What a request says about the part that it means, in a query or in a member of `patches`.
struct SelectionRequest {
    var slice: Slice?
    var labels: [(dim: String, selection: LabelSelection)] = []
    var method: LabelMethod?
    var tolerance: String?
    var columns: [String]?
    var conditions: [RowCondition] = []

    /// Takes the parameters `slice`, `sel.<dim>`, `method`, `tolerance`, `columns` and `where`.
    init(_ query: inout Query) throws {
        slice = try query.take("slice").map(Slice.init)
        for (dim, text) in query.take(prefix: "sel.") { labels.append((dim, try LabelSelection(text))) }
        let methods = LabelMethod.allCases.map { ($0.rawValue, Optional($0)) }
        method = try query.take("method", from: methods, default: nil)
        tolerance = query.take("tolerance")
        columns = try query.take("columns").map(Self.columns)
        conditions = try query.takeAll("where").map(RowCondition.init)
        try check()
    }

    /// Takes the same from the members of a JSON object; `sel` is an object of dimensions.
    init(_ object: inout JSONObject) throws {
        switch object.take("slice") {
        case nil: break
        case .string(let text): slice = try Slice(text)
        case .number(let number): slice = try Slice("\(JSONValue.number(number).integer.map(String.init) ?? "?")")
        default: throw Problem(.invalidSlice, "expected a slice as a string")
        }
        switch object.take("sel") {
        case nil: break
        case .object(let dims):
            for member in dims.members { labels.append((member.name, try LabelSelection(member.value))) }
        default: throw Problem(.invalidQuery, "expected sel as an object of dimensions")
        }
        if let value = object.take("method") {
            guard case .string(let text) = value, let known = LabelMethod(rawValue: text) else {
                throw Problem(.invalidQuery, "expected method as one of ffill, bfill, nearest")
            }
            method = known
        }
        switch object.take("tolerance") {
        case nil: break
        case .string(let text): tolerance = text
        case .number(.integer(let value)): tolerance = "\(value)"
        case .number(.double(let value)): tolerance = "\(value)"
        default: throw Problem(.invalidQuery, "expected tolerance as a number or a string")
        }
        switch object.take("columns") {
        case nil: break
        case .string(let text): columns = try Self.columns(text)
        case .array(let items): columns = try Self.names(items)
        default: throw Problem(.invalidQuery, "expected columns as a list of names")
        }
        switch object.take("where") {
        case nil: break
        case .string(let text): conditions = [try RowCondition(text)]
        case .array(let items): conditions = try Self.names(items).map(RowCondition.init)
        default: throw Problem(.invalidQuery, "expected where as a condition or a list of them")
        }
        try check()
    }

    private func check() throws {
        if tolerance != nil, method == nil { throw Problem(.invalidQuery, "expected a method beside the tolerance") }
        if method != nil, labels.isEmpty { throw Problem(.invalidQuery, "expected sel.<dim> beside the method") }
    }

    /// `a,b`, or a JSON list for names with commas.
    private static func columns(_ text: String) throws -> [String] {
        guard text.first == "[" else { return text.split(separator: ",").map(String.init) }
        guard case .list(let items) = try LabelSelection(text) else {
            throw Problem(.invalidQuery, "expected columns as a,b or as a JSON list")
        }
        return try names(items)
    }

    private static func names(_ items: [JSONValue]) throws -> [String] {
        try items.map { item in
            guard case .string(let name) = item else { throw Problem(.invalidQuery, "expected a list of strings") }
            return name
        }
    }
}

extension JSONObject {
    /// Takes a member out.
    mutating func take(_ name: String) -> JSONValue? {
        guard let place = members.firstIndex(where: { $0.name == name }) else { return nil }
        return members.remove(at: place).value
    }

    /// Takes `segment`, a name.
    mutating func takeSegment() throws -> SegmentName {
        guard case .string(let text)? = take("segment") else {
            throw Problem(.invalidJSON, "expected the name of a segment as the member \"segment\"")
        }
        return try SegmentName(text)
    }

    /// Takes `member`, a path with its parts percent-encoded; without one it is the whole object.
    mutating func takeMember() throws -> [String] {
        switch take("member") {
        case nil: return []
        case .string(let text): return try Self.memberPath(text)
        default: throw Problem(.invalidJSON, "expected the member, a path, as a string")
        }
    }

    /// Reads the path of a member, whose parts are percent-encoded.
    static func memberPath(_ text: String) throws(Problem) -> [String] {
        try text.split(separator: "/", omittingEmptySubsequences: false).map { part throws(Problem) in
            guard let bytes = PercentEncoding.decode(part.utf8, plusIsSpace: false),
                let name = String(validating: bytes, as: UTF8.self)
            else { throw Problem(.noSuchMember, "expected a percent-encoded path, got \"\(text)\"") }
            return name
        }
    }

    /// Refuses members that nobody took.
    func finish(_ what: String) throws(Problem) {
        if let unknown = members.first {
            throw Problem(.invalidJSON, "expected the members of \(what), got \"\(unknown.name)\"")
        }
    }
}
