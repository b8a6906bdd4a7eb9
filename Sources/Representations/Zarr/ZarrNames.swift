/// The names of the nodes of one group, made of the names that users gave to members, columns and coordinates.
///
/// Zarr joins names to paths, and clients put those into URLs, some without encoding what has a meaning there; a backslash
/// is a slash to zarr-python. So `/`, `?`, `#` and `\` are percent-encoded in a node's name, and a `%` that would read as
/// such an encoding becomes `_`.
struct ZarrNames {
    private var taken: Set<[UInt8]> = []

    /// The name of a node; `_` is put behind it until no other has it.
    mutating func add(_ name: String) -> String {
        var node = Self.encoded(name)
        while !taken.insert(Array(node.utf8)).inserted { node += "_" }
        return node
    }

    /// Whether a node has a name.
    func has(_ node: String) -> Bool { taken.contains(Array(node.utf8)) }

    /// A name as nodes and axes have it.
    static func encoded(_ name: String) -> String {
        if name.utf8.allSatisfy({ $0 == UInt8(ascii: ".") }) {
            return name.isEmpty ? "_" : String(repeating: "_", count: name.utf8.count)
        }
        let bytes = Array(name.utf8)
        var node: [UInt8] = []
        for (place, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "/"): node += "%2F".utf8
            case UInt8(ascii: "?"): node += "%3F".utf8
            case UInt8(ascii: "#"): node += "%23".utf8
            case UInt8(ascii: "\\"): node += "%5C".utf8
            case UInt8(ascii: "%") where bytes[(place + 1)...].prefix(2).count(where: isDigit) == 2:
                node.append(UInt8(ascii: "_"))
            default: node.append(byte)
            }
        }
        return String(decoding: node, as: UTF8.self)
    }

    /// What a node's name decodes to.
    static func decoded(_ node: String) -> String {
        node.replacing("%2F", with: "/").replacing("%3F", with: "?").replacing("%23", with: "#")
            .replacing("%5C", with: "\\")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
