/// Elements that lie a fixed number of bytes apart, looked at as numbers.
package struct PackedNumbers {
    private let base: UnsafeRawPointer
    private let byteStride: Int
    private let dtype: DType

    /// Elements of a dtype, the first of them at `base`.
    package init(_ base: UnsafeRawPointer, byteStride: Int, _ dtype: DType) {
        self.base = base
        self.byteStride = byteStride
        self.dtype = dtype
    }

    /// Whether elements of a dtype have an order, as numbers or as times.
    package static func areOrdered(_ dtype: DType) -> Bool {
        switch dtype.element {
        case .complex64, .complex128, .bytes, .text, .structured: false
        default: true
        }
    }

    /// Hands a visitor a function from position to value, which is nil for NaN and NaT; false if there is no order.
    @inline(__always)
    @discardableResult
    func visit(_ visitor: inout some PackedVisitor) -> Bool {
        let isBig = dtype.isBigEndian
        @inline(__always)
        func bits<Bits: FixedWidthInteger>(_ position: Int, _: Bits.Type) -> Bits {
            let bits = base.loadUnaligned(fromByteOffset: position * byteStride, as: Bits.self)
            return isBig ? bits.byteSwapped : bits
        }
        switch dtype.element {
        case .bool, .uint8: visitor.visit { bits($0, UInt8.self) }
        case .int8: visitor.visit { bits($0, Int8.self) }
        case .int16: visitor.visit { bits($0, Int16.self) }
        case .uint16: visitor.visit { bits($0, UInt16.self) }
        case .int32: visitor.visit { bits($0, Int32.self) }
        case .uint32: visitor.visit { bits($0, UInt32.self) }
        case .int64: visitor.visit { bits($0, Int64.self) }
        case .uint64: visitor.visit { bits($0, UInt64.self) }
        case .float16: visitor.visit { Float16(bitPattern: bits($0, UInt16.self)).orNil }
        case .bfloat16: visitor.visit { Float(bitPattern: UInt32(bits($0, UInt16.self)) << 16).orNil }
        case .float32: visitor.visit { Float(bitPattern: bits($0, UInt32.self)).orNil }
        case .float64: visitor.visit { Double(bitPattern: bits($0, UInt64.self)).orNil }
        case .datetime, .timedelta:
            visitor.visit { position -> Int64? in
                let value = bits(position, Int64.self)
                return value == DateTime.nat ? nil : value
            }
        case .complex64, .complex128, .bytes, .text, .structured: return false
        }
        return true
    }

    /// The sum of a term of each of the first elements, those left out that are NaN; nil where they are no numbers.
    func sum(_ count: Int, _ term: @escaping (Double) -> Double) -> Double? {
        var visitor = Sum(count: count, term: term)
        switch dtype.element {
        case .datetime, .timedelta: return nil
        default: return visit(&visitor) ? visitor.sum : nil
        }
    }

    private struct Sum: PackedVisitor {
        let count: Int
        let term: (Double) -> Double
        var sum = 0.0

        init(count: Int, term: @escaping (Double) -> Double) {
            self.count = count
            self.term = term
        }

        mutating func visit<Value: PackedValue>(_ value: (Int) -> Value?) {
            sum = pairwiseSum(0..<count) { position in value(position).map { term($0.asDouble) } ?? 0 }
        }
    }
}

/// Looks at packed elements.
protocol PackedVisitor {
    /// Called once; `value` gives the element at a position, nil if it is none that counts.
    mutating func visit<Value: PackedValue>(_ value: (Int) -> Value?)
}

/// What a packed element may be.
protocol PackedValue: Comparable {
    var asDouble: Double { get }
}

extension PackedValue where Self: BinaryInteger {
    var asDouble: Double { Double(self) }
}

extension PackedValue where Self: BinaryFloatingPoint {
    var asDouble: Double { Double(self) }
}

extension UInt8: PackedValue {}
extension Int8: PackedValue {}
extension UInt16: PackedValue {}
extension Int16: PackedValue {}
extension UInt32: PackedValue {}
extension Int32: PackedValue {}
extension UInt64: PackedValue {}
extension Int64: PackedValue {}
extension Float16: PackedValue {}
extension Float: PackedValue {}
extension Double: PackedValue {}

extension BinaryFloatingPoint {
    /// The number, or nil for what is none.
    @inline(__always)
    fileprivate var orNil: Self? { isNaN ? nil : self }
}

/// The sum of many numbers with the rounding of few additions: of halves, and of eight at a time in short runs.
///
/// This is the order in which NumPy adds contiguous numbers, so that sums of float64 are the same to the last bit.
@inline(__always)
func pairwiseSum(_ range: Range<Int>, _ number: (Int) -> Double) -> Double {
    func sum(_ range: Range<Int>) -> Double {
        let (first, count) = (range.lowerBound, range.count)
        if count < 8 {
            var sum = -0.0
            for position in range { sum += number(position) }
            return sum
        }
        if count <= 128 {
            var sums = SIMD8<Double>()
            for lane in 0..<8 { sums[lane] = number(first + lane) }
            var next = first + 8
            while next + 8 <= range.upperBound {
                for lane in 0..<8 { sums[lane] += number(next + lane) }
                next += 8
            }
            var sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
            for position in next..<range.upperBound { sum += number(position) }
            return sum
        }
        let half = first + count / 2 - (count / 2) % 8
        return sum(first..<half) + sum(half..<range.upperBound)
    }
    return sum(range)
}
