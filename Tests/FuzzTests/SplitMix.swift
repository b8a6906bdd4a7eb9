/// SplitMix64: the same numbers from the same seed, everywhere.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension SplitMix {
    /// One of the inputs, changed a few times.
    mutating func mutant(of inputs: [[UInt8]]) -> [UInt8] {
        var bytes = inputs.randomElement(using: &self) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &self) { change(&bytes, inputs) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8], _ inputs: [[UInt8]]) {
        guard let place = bytes.indices.randomElement(using: &self) else { return }
        let end = min(bytes.count, place + Int.random(in: 1...16, using: &self))
        switch Int.random(in: 0..<6, using: &self) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
        case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF, UInt8(ascii: "0")].randomElement(using: &self) ?? 0
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 4: bytes.replaceSubrange(place..<end, with: [UInt8](repeating: 0xFF, count: end - place))
        default:
            guard let other = inputs.randomElement(using: &self), let from = other.indices.randomElement(using: &self)
            else { return }
            bytes.replaceSubrange(place..., with: other[from...])
        }
    }
}
