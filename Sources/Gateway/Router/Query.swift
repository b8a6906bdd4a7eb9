internal import Documents

/// The parameters behind the `?` of a request target, each taken once, so that one that nobody knows is noticed.
struct Query {
    private var parameters: [(name: String, value: String)] = []

    /// Reads `name=value&…`; a name other than `where` may stand once.
    init(_ text: UnsafeRawBufferPointer?) throws(Problem) {
        guard let text, !text.isEmpty else { return }
        for part in text.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let name = try Self.decode(part[..<(equals ?? part.endIndex)])
            let value = try Self.decode(equals.map { part[($0 + 1)...] } ?? part[part.endIndex...])
            if name != "where", parameters.contains(where: { $0.name == name }) {
                throw Problem(.invalidQuery, "the parameter \(name) occurs twice")
            }
            parameters.append((name, value))
        }
    }

    /// Takes members of a JSON object that have the names of parameters; numbers and bools are as good as their texts.
    init(_ names: [String], of object: inout JSONObject) throws(Problem) {
        for name in names {
            switch object.take(name) {
            case nil: break
            case .string(let text): parameters.append((name, text))
            case .number(.integer(let number)): parameters.append((name, "\(number)"))
            case .bool(let flag): parameters.append((name, flag ? "1" : "0"))
            default: throw Problem(.invalidQuery, "expected \(name) as a string")
            }
        }
    }

    private static func decode(_ part: Slice<UnsafeRawBufferPointer>) throws(Problem) -> String {
        guard let bytes = PercentEncoding.decode(part, plusIsSpace: true),
            let text = String(validating: bytes, as: UTF8.self)
        else {
            throw Problem(
                .invalidQuery,
                "expected percent-encoded UTF-8, got \(String(decoding: part, as: UTF8.self))"
            )
        }
        return text
    }

    /// Takes a parameter; nil if it is not there.
    mutating func take(_ name: String) -> String? {
        guard let index = parameters.firstIndex(where: { $0.name == name }) else { return nil }
        return parameters.remove(at: index).value
    }

    /// Takes every parameter of a name that may stand more than once.
    mutating func takeAll(_ name: String) -> [String] {
        defer { parameters.removeAll { $0.name == name } }
        return parameters.filter { $0.name == name }.map(\.value)
    }

    /// Takes every parameter whose name begins with a prefix; gives what stands behind it.
    mutating func take(prefix: String) -> [(name: String, value: String)] {
        defer { parameters.removeAll { $0.name.hasPrefix(prefix) } }
        return parameters.filter { $0.name.hasPrefix(prefix) }
            .map { (String($0.name.dropFirst(prefix.count)), $0.value) }
    }

    /// Takes a parameter that has a fixed set of values.
    mutating func take<Value>(
        _ name: String,
        from values: [(String, Value)],
        default value: Value
    ) throws(Problem) -> Value {
        guard let text = take(name) else { return value }
        guard let known = values.first(where: { $0.0 == text }) else {
            throw Problem(
                .invalidQuery,
                "expected one of \(values.map(\.0).joined(separator: ", ")) for \(name), got \"\(text)\""
            )
        }
        return known.1
    }

    /// Takes a whole number.
    mutating func take(_ name: String, in range: ClosedRange<Int>, default value: Int) throws(Problem) -> Int {
        try take(name, in: range) ?? value
    }

    /// Takes a whole number; nil if it is not there.
    mutating func take(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = take(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw Problem(
                .invalidQuery,
                "expected an integer from \(range.lowerBound) to \(range.upperBound) for \(name), got \"\(text)\""
            )
        }
        return number
    }

    /// Whether nothing is left to take.
    var isEmpty: Bool { parameters.isEmpty }

    /// Refuses what nobody took: a misspelled parameter must not widen what is read or written.
    func finish() throws(Problem) {
        if let unknown = parameters.first {
            throw Problem(.invalidQuery, "this resource has no parameter \"\(unknown.name)\"")
        }
    }
}
