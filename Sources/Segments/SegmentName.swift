/// The name of a segment: 1 to 200 bytes of `A-Z a-z 0-9 _ . -`, the first of them no dot.
///
/// Such a name is a file name that stays inside its directory and needs no escape in a URL.
public struct SegmentName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The most bytes that a name may have.
    public static let maximumBytes = 200

    /// The name itself.
    public let description: String

    /// Checks the rule; throws ``SegmentError/invalidName(_:)`` with what is wrong.
    public init(_ text: String) throws(SegmentError) {
        var text = text
        let problem = text.withUTF8 { Self.problem(in: UnsafeRawBufferPointer($0)) }
        if let problem { throw .invalidName(problem) }
        description = text
    }

    /// Checks the rule on bytes that came from outside.
    package init(utf8 bytes: UnsafeRawBufferPointer) throws(SegmentError) {
        if let problem = Self.problem(in: bytes) { throw .invalidName(problem) }
        description = String(decoding: bytes, as: UTF8.self)
    }

    /// Names in the order of their bytes.
    public static func < (one: SegmentName, other: SegmentName) -> Bool { one.description < other.description }

    private static func problem(in bytes: UnsafeRawBufferPointer) -> String? {
        if bytes.isEmpty { return "a segment's name has 1 to \(maximumBytes) bytes, this one is empty" }
        if bytes.count > maximumBytes {
            return "a segment's name has 1 to \(maximumBytes) bytes, this one has \(bytes.count)"
        }
        if bytes[0] == UInt8(ascii: ".") { return "a segment's name does not start with a dot" }
        for (position, byte) in bytes.enumerated() where !isAllowed(byte) {
            return
                "a segment's name consists of A-Z, a-z, 0-9, '_', '.' and '-', got byte \(byte) at position \(position)"
        }
        return nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
