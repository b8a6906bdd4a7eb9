internal import Documents

extension LayoutFields {
    /// Takes an integer of any sign; without a default it has to be there.
    public mutating func integer(_ name: String, default value: Int? = nil) throws(LayoutError) -> Int {
        guard let json = try given(name, hasDefault: value != nil) else { return value ?? 0 }
        guard let integer = json.integer else { throw expected("an integer", name) }
        return integer
    }

    /// Takes a number, null for NaN; without a default it has to be there.
    public mutating func number(_ name: String, default value: Double? = nil) throws(LayoutError) -> Double {
        guard let json = try given(name, hasDefault: value != nil) else { return value ?? .nan }
        switch json {
        case .number(.integer(let number)): return Double(number)
        case .number(.unsigned(let number)): return Double(number)
        case .number(.double(let number)): return number
        case .null: return .nan
        default: throw expected("a number", name)
        }
    }

    /// Takes a truth value; without a default it has to be there.
    public mutating func flag(_ name: String, default value: Bool? = nil) throws(LayoutError) -> Bool {
        guard let json = try given(name, hasDefault: value != nil) else { return value ?? false }
        guard case .bool(let flag) = json else { throw expected("true or false", name) }
        return flag
    }

    /// Takes a string, which may be missing.
    public mutating func string(_ name: String, default value: String) throws(LayoutError) -> String {
        guard let json = try given(name, hasDefault: true) else { return value }
        guard case .string(let text) = json else { throw expected("a string", name) }
        return text
    }

    private mutating func given(_ name: String, hasDefault: Bool) throws(LayoutError) -> JSONValue? {
        hasDefault ? optional(name) : try value(name)
    }

    private func expected(_ what: String, _ name: String) -> LayoutError {
        .invalidLayout("expected \(what) for the layout's field \(quoted(name))")
    }
}
