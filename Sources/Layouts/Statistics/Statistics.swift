/// What `stats` says of the elements of an array.
///
/// NaN and NaT are counted and otherwise left out. Sums are of doubles, in NumPy's order.
package struct Statistics: Sendable, Equatable {
    /// A mean: of complex numbers it has two parts.
    package enum Mean: Sendable, Equatable {
        case real(Double)
        case complex(Double, Double)
    }

    /// Elements that are neither NaN nor NaT.
    package private(set) var count = 0
    /// Those that are.
    package private(set) var nanCount = 0
    /// Where the first of the least elements stands; nil if there is none, or no order.
    package private(set) var leastAt: Int?
    /// Where the first of the greatest stands.
    package private(set) var greatestAt: Int?
    /// The mean; nil if there is none, and for times and texts.
    package private(set) var mean: Mean?
    /// The standard deviation of a population, that is with `ddof` 0; nil where there is no mean.
    package private(set) var deviation: Double?

    /// Of so many elements that are no numbers.
    package init(withoutNumbers count: Int) { self.count = count }

    /// Looks at packed elements of a dtype.
    package init(_ base: UnsafeRawPointer, count total: Int, _ dtype: DType) {
        let numbers = PackedNumbers(base, byteStride: dtype.byteCount, dtype)
        var extremes = Extremes(range: 0..<total)
        if numbers.visit(&extremes) {
            count = extremes.count
            nanCount = total - count
            leastAt = extremes.leastAt
            greatestAt = extremes.greatestAt
            guard count > 0, let sum = numbers.sum(total, { $0 }) else { return }
            let mean = sum / Double(count)
            self.mean = .real(mean)
            let squares = numbers.sum(total) { ($0 - mean) * ($0 - mean) }
            deviation = squares.map { ($0 / Double(count)).squareRoot() }
            return
        }
        switch dtype.element {
        case .complex64, .complex128: lookAtComplex(base, total, dtype)
        default: count = total
        }
    }

    private mutating func lookAtComplex(_ base: UnsafeRawPointer, _ total: Int, _ dtype: DType) {
        let half = dtype.byteCount / 2
        let part = DType(dtype.element == .complex64 ? .float32 : .float64, bigEndian: dtype.isBigEndian)
        func numbers(_ offset: Int) -> (Int) -> Double {
            { position in
                let place = base + position * dtype.byteCount + offset
                if part.element == .float32 {
                    let bits = place.loadUnaligned(as: UInt32.self)
                    return Double(Float(bitPattern: part.isBigEndian ? bits.byteSwapped : bits))
                }
                let bits = place.loadUnaligned(as: UInt64.self)
                return Double(bitPattern: part.isBigEndian ? bits.byteSwapped : bits)
            }
        }
        let (real, imaginary) = (numbers(0), numbers(half))
        func isNaN(_ position: Int) -> Bool { real(position).isNaN || imaginary(position).isNaN }
        nanCount = (0..<total).count(where: isNaN)
        count = total - nanCount
        if count == 0 { return }
        let n = Double(count)
        let re = pairwiseSum(0..<total) { isNaN($0) ? 0 : real($0) } / n
        let im = pairwiseSum(0..<total) { isNaN($0) ? 0 : imaginary($0) } / n
        mean = .complex(re, im)
        let squares = pairwiseSum(0..<total) { position in
            if isNaN(position) { return 0 }
            let (x, y) = (real(position) - re, imaginary(position) - im)
            return x * x + y * y
        }
        deviation = (squares / n).squareRoot()
    }
}

/// Finds the least and the greatest of some elements, the first of each.
struct Extremes: PackedVisitor {
    let range: Range<Int>
    /// How many count.
    private(set) var count = 0
    private(set) var leastAt: Int?
    private(set) var greatestAt: Int?

    init(range: Range<Int>) { self.range = range }

    mutating func visit<Value: PackedValue>(_ value: (Int) -> Value?) {
        guard let first = range.first(where: { value($0) != nil }), var least = value(first) else { return }
        var greatest = least
        var (leastAt, greatestAt, count) = (first, first, 0)
        for position in first..<range.upperBound {
            guard let value = value(position) else { continue }
            count += 1
            if value < least { (least, leastAt) = (value, position) }
            if value > greatest { (greatest, greatestAt) = (value, position) }
        }
        self.leastAt = leastAt
        self.greatestAt = greatestAt
        self.count = count
    }
}
