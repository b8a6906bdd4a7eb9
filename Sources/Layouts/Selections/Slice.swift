/// What stands between the brackets of NumPy's basic indexing, with index lists beside it: `0:10:2,::-1,-1,...,[1,3]`.
public struct Slice: Equatable, Sendable {
    /// The index of one axis, or the ellipsis.
    public enum Item: Equatable, Sendable {
        /// Takes one element and drops the axis.
        case index(Int)
        /// `start:stop:step`, each of which may be left out.
        case range(start: Int?, stop: Int?, step: Int?)
        /// These indices, in this order.
        case list([Int])
        /// As many whole axes as are left.
        case ellipsis
    }

    /// In the order of the axes.
    public let items: [Item]

    /// All of an array.
    public static let whole = Slice(items: [])

    /// Takes items as they are.
    public init(items: [Item]) { self.items = items }

    /// Reads the text; ``LayoutError/invalidSlice(_:)`` says what was expected where.
    public init(_ text: String) throws(LayoutError) {
        var parser = SliceParser(text: text)
        items = try parser.parse()
    }
}

/// Reads the grammar from left to right; numbers too large for the machine are taken as the largest.
private struct SliceParser {
    private let text: String
    private let bytes: [UInt8]
    private var next = 0

    init(text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    mutating func parse() throws(LayoutError) -> [Slice.Item] {
        var items: [Slice.Item] = []
        skipSpaces()
        while next < bytes.count {
            items.append(try item())
            if next == bytes.count { break }
            try expect(",")
        }
        if items.filter({ $0 == .ellipsis }).count > 1 {
            throw .invalidSlice("expected at most one ellipsis, got \(quoted(text))")
        }
        return items
    }

    private mutating func item() throws(LayoutError) -> Slice.Item {
        if take("[") { return .list(try list()) }
        if take(".") {
            guard next + 1 < bytes.count, bytes[next] == UInt8(ascii: "."), bytes[next + 1] == UInt8(ascii: ".") else {
                throw problem("an ellipsis is three dots")
            }
            next += 2
            skipSpaces()
            return .ellipsis
        }
        let start = try number()
        guard take(":") else {
            guard let start else { throw problem("expected an integer, a range, a list or an ellipsis") }
            return .index(start)
        }
        let stop = try number()
        let step = take(":") ? try number() : nil
        if step == 0 { throw problem("a step cannot be zero") }
        return .range(start: start, stop: stop, step: step)
    }

    private mutating func list() throws(LayoutError) -> [Int] {
        var indices: [Int] = []
        while !take("]") {
            if !indices.isEmpty {
                try expect(",")
                if take("]") { break }
            }
            guard let index = try number() else { throw problem("expected an integer in the list") }
            indices.append(index)
        }
        return indices
    }

    private mutating func number() throws(LayoutError) -> Int? {
        let isNegative = take("-")
        let hasSign = isNegative || take("+")
        var value = 0
        let first = next
        while next < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[next]) {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, beyond) = tens.addingReportingOverflow(Int(bytes[next] - UInt8(ascii: "0")))
            value = overflow || beyond ? Int.max : sum
            next += 1
        }
        if next == first {
            if hasSign { throw problem("expected digits behind the sign") }
            return nil
        }
        skipSpaces()
        return isNegative ? -value : value
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next < bytes.count, bytes[next] == UInt8(ascii: character) else { return false }
        next += 1
        skipSpaces()
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(LayoutError) {
        guard take(character) else { throw problem("expected '\(character)'") }
    }

    private mutating func skipSpaces() {
        while next < bytes.count, bytes[next] == UInt8(ascii: " ") { next += 1 }
    }

    private func problem(_ what: String) -> LayoutError {
        .invalidSlice("\(what) at position \(next) of the slice \(quoted(text))")
    }
}
