internal import Synchronization

/// What one in the last place of a double is worth, for each of its exponents, in units of a power of ten.
///
/// The unit is the power of ten that is just longer: one in the last place is a tenth of it or more, and less than all of
/// it. They are computed at the first number that needs them (32 KiB).
struct LastPlaces: @unchecked Sendable {
    /// All of them.
    static var shared: LastPlaces {
        @inline(__always) get {
            // A lazy global costs a call each time, and a number is written in less than ten times that.
            if let start = UnsafePointer<Place>(bitPattern: known.load(ordering: .acquiring)) {
                return LastPlaces(start: start)
            }
            return computed
        }
    }

    private static let known = Atomic<UInt>(0)
    private static let computed = LastPlaces()

    /// A fraction of a unit, the first 128 bits behind the point.
    struct Place {
        var high: UInt64
        var low: UInt64
    }

    /// Memory that is never freed, without the checks of an array.
    private let start: UnsafePointer<Place>

    private init(start: UnsafePointer<Place>) { self.start = start }

    /// Of the numbers with the exponent bits `biased`; 0 for those whose significand has no 1 in front.
    @inline(__always)
    subscript(biased: Int) -> Place { start[biased] }

    /// The exponent of the unit.
    @inline(__always)
    static func unit(_ biased: Int) -> Int {
        // log10(2) in units of 2^-22.
        ((biased &- 1_075) &* 1_262_611) >> 22 &+ 1
    }

    private init() {
        let powers = PowersOfFive.shared
        let memory = UnsafeMutablePointer<Place>.allocate(capacity: 2_048)
        memory.initialize(repeating: Place(high: 0, low: 0), count: 2_048)
        for biased in 1..<2_047 {
            let power = powers[-Self.unit(biased)]
            let shift = -(biased - 1_075 + PowersOfFive.binaryExponent(ofTenTo: -Self.unit(biased)) + 1)
            let place = (UInt128(power.high) << 64 | UInt128(power.low)) >> UInt128(shift)
            memory[biased] = Place(high: UInt64(place >> 64), low: UInt64(truncatingIfNeeded: place))
        }
        start = UnsafePointer(memory)
        Self.known.store(UInt(bitPattern: start), ordering: .releasing)
    }
}
