/// A binary format of numbers that are written as decimals.
protocol DecimalNumeral: BinaryFloatingPoint {
    associatedtype Bits: FixedWidthInteger & UnsignedInteger

    init(bitPattern: Bits)
    var bitPattern: Bits { get }

    /// The greatest number that is spelled without an exponent: beyond it not every integer is one of the format.
    static var greatestPlain: Self { get }

    /// The shortest decimal of its magnitude; nil if it is not finite.
    func shortestDecimal(_ places: LastPlaces) -> ShortestDecimal?
}

extension Double: DecimalNumeral {
    static var greatestPlain: Double { 0x1p53 }

    @inline(__always)
    func shortestDecimal(_ places: LastPlaces) -> ShortestDecimal? { .of(self, places) }
}

extension Float: DecimalNumeral {
    static var greatestPlain: Float { 0x1p24 }

    @inline(__always)
    func shortestDecimal(_ places: LastPlaces) -> ShortestDecimal? { .of(self, places) }
}
