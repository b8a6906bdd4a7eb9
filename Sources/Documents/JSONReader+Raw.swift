internal import Glibc

extension JSONReader {
    /// Copies a part of the document as it stands.
    package func copy(_ range: Range<Int>, to place: UnsafeMutableRawPointer) {
        if let base = bytes.baseAddress { memcpy(place, base + range.lowerBound, range.count) }
    }

    /// Whether a value, passed before, has a number in it that no double can hold.
    package func hasOverflow(in range: Range<Int>) throws(JSONError) -> Bool {
        guard mayOverflow(range) else { return false }
        var reader = JSONReader(UnsafeRawBufferPointer(rebasing: bytes[range]))
        return try reader.value().hasOverflow
    }

    /// Whether there may be such a number: it needs an exponent, or more than three hundred bytes.
    private func mayOverflow(_ range: Range<Int>) -> Bool {
        range.count > 300 || bytes[range].contains { $0 | 0x20 == UInt8(ascii: "e") }
    }
}

extension JSONValue {
    /// Whether it has a number in it that no double can hold.
    package var hasOverflow: Bool {
        switch self {
        case .number(.overflow): true
        case .array(let items): items.contains(where: \.hasOverflow)
        case .object(let object): object.members.contains { $0.value.hasOverflow }
        default: false
        }
    }
}
