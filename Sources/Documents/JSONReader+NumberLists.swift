/// Lists of numbers alone, most of what is sent as JSON: read in one loop, without a look at what kind each value is.
extension JSONReader {
    /// Reads a list of numbers and nulls, at least one, each taken with its place in the list, and tells how many there are.
    ///
    /// Nil, with nothing read, for anything else, for more than `limit` of them, and where one is not taken: what is wrong
    /// with it, who reads it value by value finds out.
    @inline(__always)
    package mutating func numbers(atMost limit: Int, _ take: (Int, JSONNumber?) -> Bool) -> Int? {
        let start = offset
        if let count = try? list(limit, take) { return count }
        offset = start
        return nil
    }

    @inline(__always)
    private mutating func list(_ limit: Int, _ take: (Int, JSONNumber?) -> Bool) throws(JSONError) -> Int? {
        guard try peek() == .array, hasRoomBelow else { return nil }
        var next = offset + 1
        for index in 0..<limit {
            skipSpaces(from: &next)
            guard take(index, isNull(at: next) ? skipNull(from: &next) : try number(from: &next)) else { return nil }
            skipSpaces(from: &next)
            guard next < bytes.count else { return nil }
            let byte = bytes[next]
            next += 1
            if byte == UInt8(ascii: "]") {
                offset = next
                isFirst = false
                return index + 1
            }
            guard byte == UInt8(ascii: ",") else { return nil }
        }
        return nil
    }

    @inline(__always)
    private func isNull(at next: Int) -> Bool {
        next + 4 <= bytes.count && bytes.loadUnaligned(fromByteOffset: next, as: UInt32.self) == Self.null
    }

    @inline(__always)
    private func skipNull(from next: inout Int) -> JSONNumber? {
        next += 4
        return nil
    }

    private static let null = UInt32(littleEndian: 0x6C6C_756E)
}
