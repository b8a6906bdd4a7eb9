/// A JSON value as a tree; for documents, not for arrays of numbers.
package indirect enum JSONValue: Sendable, Equatable {
    case object(JSONObject)
    case array([JSONValue])
    case string(String)
    case number(JSONNumber)
    case bool(Bool)
    case null
}

/// The members of an object in their order; no name stands twice.
package struct JSONObject: Sendable, Equatable {
    /// A name and its value.
    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: JSONValue
    }

    /// In the order of the text.
    package var members: [Member] = []

    /// The value of a name.
    package subscript(name: String) -> JSONValue? { members.first { $0.name == name }?.value }
}

/// A JSON number, as exact as the machine has it.
package enum JSONNumber: Sendable, Equatable {
    /// Digits alone, within Int64.
    case integer(Int64)
    /// Digits alone, above Int64.
    case unsigned(UInt64)
    /// With a point or an exponent, an integer beyond 64 bits, or `-0`.
    case double(Double)
    /// Beyond every double.
    case overflow
}
