import Documents

extension JSONObject {
    /// A member that is a string.
    func text(_ name: String) -> String? {
        if case .string(let text)? = self[name] { return text }
        return nil
    }

    /// A member that is a whole number.
    func integer(_ name: String) -> Int64? { self[name]?.wholeNumber }
}

extension JSONValue {
    /// It as a whole number.
    var wholeNumber: Int64? {
        if case .number(.integer(let number)) = self { return number }
        return nil
    }
}
