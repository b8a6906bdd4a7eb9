/// Numbers that are the same in every run (SplitMix64).
struct Random: RandomNumberGenerator {
    static let seed: UInt64 = 0x5EED_2026

    /// How many numbers a test takes: fewer where nothing is optimized.
    #if DEBUG
    static let count = 100_000
    #else
    static let count = 1_000_000
    #endif

    private var state = seed

    init() { print("random numbers from the seed \(Self.seed)") }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
