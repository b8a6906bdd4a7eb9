internal import CSegment

/// An RFC 4122 identifier: sixteen bytes in network order.
public struct UUID: Hashable, Sendable, CustomStringConvertible {
    /// The bytes 0 to 7, big-endian.
    public let high: UInt64
    /// The bytes 8 to 15, big-endian.
    public let low: UInt64

    /// A random one (version 4), from the kernel.
    public static func random() -> UUID {
        var words: (UInt64, UInt64) = (0, 0)
        shmgate_random(&words, MemoryLayout.size(ofValue: words))
        return UUID(
            high: words.0 & ~0xF000 | 0x4000,
            low: words.1 & ~(0b11 << 62) | 0b10 << 62
        )
    }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads sixteen bytes.
    init(bytes: UnsafeRawPointer) {
        high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// Parses the 36-character form; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (position, byte) in text.utf8.enumerated() {
            if [8, 13, 18, 23].contains(position) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digits < 32 else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
            digits += 1
        }
        guard digits == 32, text.utf8.count == 36 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    /// Stores the sixteen bytes.
    func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
        bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// The 36-character form in lower case.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var place = 0
            for position in 0..<32 {
                if [8, 12, 16, 20].contains(position) {
                    text[place] = UInt8(ascii: "-")
                    place += 1
                }
                text[place] = digit(position)
                place += 1
            }
            return place
        }
    }

    /// The 32 hexadecimal digits.
    var hexadecimal: String {
        String(unsafeUninitializedCapacity: 32) { text in
            for position in 0..<32 { text[position] = digit(position) }
            return 32
        }
    }

    /// One of the 32 hexadecimal digits.
    private func digit(_ position: Int) -> UInt8 {
        let word = position < 16 ? high : low
        let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (position % 16))) & 15
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}

extension UUID: Comparable {
    /// The order of the bytes.
    public static func < (left: UUID, right: UUID) -> Bool { (left.high, left.low) < (right.high, right.low) }
}
