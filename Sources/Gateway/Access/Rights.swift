/// What a token may do with the segments whose names it covers.
package struct Rights: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Descriptions, lists and data.
    package static let read = Rights(rawValue: 1)
    /// Data of segments that exist.
    package static let write = Rights(rawValue: 2)
    /// New names, with the modes, ends and pins that their makers give them.
    package static let create = Rights(rawValue: 4)
    /// Taking names away.
    package static let unlink = Rights(rawValue: 8)
    /// What only an operator should: other modes, ends and pins of what is there, repairs, layouts, metrics.
    package static let admin = Rights(rawValue: 16)
    /// All of them.
    package static let all: Rights = [.read, .write, .create, .unlink, .admin]

    private static let names: [(String, Rights)] = [
        ("read", .read), ("write", .write), ("create", .create), ("unlink", .unlink), ("admin", .admin),
    ]

    /// Reads words with commas between them; nil if one is not known, or there is none.
    package init?(_ text: some StringProtocol) {
        self = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let known = Self.names.first(where: { $0.0 == word }) else { return nil }
            insert(known.1)
        }
    }

    /// The words again.
    package var text: String { Self.names.filter { contains($0.1) }.map(\.0).joined(separator: ",") }
}
