internal import Documents
internal import Representations

/// Whether metadata that a library writes are those that there are.
///
/// Members may stand in any order. What says nothing (null, an empty list or object) may be left out beside attributes,
/// and so may what is consolidated, for libraries write a group before they consolidate it.
enum ZarrComparison {
    static func isSame(_ given: JSONValue, _ known: JSONValue, _ document: ZarrDocument) -> Bool {
        switch document {
        case .attributesV2: isEqual(given, known)
        case .consolidatedV2: isSameDocument(given, known, list: "metadata")
        case .zarr, .arrayV2, .groupV2: isSameDocument(given, known, list: "consolidated_metadata")
        }
    }

    /// Compares a document; `list` is the member in which others stand.
    private static func isSameDocument(_ given: JSONValue, _ known: JSONValue, list: String? = nil) -> Bool {
        guard case .object(let one) = given, case .object(let other) = known else { return false }
        let (given, known) = (values(one), values(other))
        return Set(given.keys).union(known.keys).allSatisfy { key in
            let name = String(decoding: key, as: UTF8.self)
            switch (given[key], known[key]) {
            case (nil, let value?), (let value?, nil), (.null?, let value?):
                return isVoid(value) || name == "consolidated_metadata" && (given[key] ?? .null) == .null
            case (let value?, let expected?):
                if name != list { return isEqual(value, expected) }
                return name == "metadata"
                    ? areSame(value, expected) : isSameDocument(value, expected, list: "metadata")
            case (nil, nil): return true
            }
        }
    }

    /// Compares documents by their paths.
    private static func areSame(_ given: JSONValue, _ known: JSONValue) -> Bool {
        guard case .object(let one) = given, case .object(let other) = known,
            one.members.count == other.members.count
        else { return false }
        let expected = values(other)
        return one.members.allSatisfy { member in
            guard let known = expected[Array(member.name.utf8)] else { return false }
            return member.name.hasSuffix(ZarrDocument.attributesV2.rawValue)
                ? isEqual(member.value, known) : isSameDocument(member.value, known, list: "consolidated_metadata")
        }
    }

    /// The members by their names' bytes: objects may have a million of them.
    private static func values(_ object: JSONObject) -> [[UInt8]: JSONValue] {
        Dictionary(object.members.map { (Array($0.name.utf8), $0.value) }) { first, _ in first }
    }

    private static func isVoid(_ value: JSONValue) -> Bool {
        switch value {
        case .null: true
        case .array(let items): items.isEmpty
        case .object(let object): object.members.isEmpty
        case .string, .number, .bool: false
        }
    }

    /// Compares values, members in any order.
    private static func isEqual(_ given: JSONValue, _ known: JSONValue) -> Bool {
        switch (given, known) {
        case (.object(let one), .object(let other)):
            guard one.members.count == other.members.count else { return false }
            let expected = values(other)
            return one.members.allSatisfy { member in
                expected[Array(member.name.utf8)].map { isEqual(member.value, $0) } ?? false
            }
        case (.array(let one), .array(let other)):
            return one.count == other.count && zip(one, other).allSatisfy { isEqual($0, $1) }
        default: return given == known
        }
    }
}
