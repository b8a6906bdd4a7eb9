internal import MicroHTTP

/// What `Range` and `If-Range` ask for: one run of the bytes of a representation.
///
/// Whatever else `Range` may say (several runs, another unit, nonsense) asks for the whole, as RFC 9110 allows.
struct ByteRange {
    /// The first byte and the last, or so many at the end.
    private enum Asked {
        case from(UInt64, through: UInt64?)
        case last(UInt64)
    }

    private let asked: Asked
    private let condition: String?

    /// Reads the fields of a GET; nil if the whole is asked for.
    init?(_ exchange: Exchange) {
        let lines = exchange.headers("Range")
        guard exchange.method == .get, lines.count == 1, let asked = Self.read(lines[0]) else { return nil }
        self.asked = asked
        condition = exchange.header("If-Range")
    }

    private static func read(_ line: String) -> Asked? {
        let sides = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, sides[0].trimmed.lowercased() == "bytes" else { return nil }
        let ends = sides[1].trimmed.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        switch (number(ends[0]), number(ends[1])) {
        case (let first?, let last?): return first <= last ? .from(first, through: last) : nil
        case (let first?, nil): return ends[1].isEmpty ? .from(first, through: nil) : nil
        case (nil, let count?): return ends[0].isEmpty ? .last(count) : nil
        case (nil, nil): return nil
        }
    }

    /// A number of any length; one that no file has room for is the largest.
    private static func number(_ digits: Substring) -> UInt64? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return UInt64(digits) ?? .max
    }

    /// Whether the run is of the representation that the client has: of the tag that `If-Range` names, if it does.
    ///
    /// A date, or a weak tag, never is.
    func applies(to tag: String) -> Bool { condition.map { $0 == tag } ?? true }

    /// The run inside `count` bytes; nil if none of them is asked for.
    func resolve(_ count: Int) -> Range<Int>? {
        switch asked {
        case .from(let first, let last):
            guard first < UInt64(count) else { return nil }
            return Int(first)..<Int(min(last ?? .max, UInt64(count - 1)) + 1)
        case .last(let wanted):
            guard wanted > 0, count > 0 else { return nil }
            return Int(UInt64(count) - min(wanted, UInt64(count)))..<count
        }
    }
}
