private let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

extension ByteBuffer {
    /// Appends bytes in base64 with padding, without quotes.
    package mutating func appendBase64(_ bytes: UnsafeRawBufferPointer) {
        reserve((bytes.count + 2) / 3 * 4)
        var next = 0
        while next < bytes.count {
            let left = bytes.count - next
            let group =
                UInt32(bytes[next]) << 16 | (left > 1 ? UInt32(bytes[next + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[next + 2]) : 0)
            for place in 0..<4 {
                if place > left {
                    append(UInt8(ascii: "="))
                } else {
                    append(alphabet.utf8Start[Int(group >> UInt32(18 - 6 * place) & 63)])
                }
            }
            next += 3
        }
    }
}

/// Appends what padded base64 of the standard alphabet stands for; false, with nothing appended that counts, if it is
/// none.
package func decodeBase64(_ text: String, into buffer: inout ByteBuffer) -> Bool {
    var text = text
    return text.withUTF8 { digits in
        guard digits.count % 4 == 0 else { return false }
        let padding = digits.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var group: UInt32 = 0
        buffer.reserve(digits.count / 4 * 3)
        for (position, digit) in digits.enumerated() {
            if position >= digits.count - padding {
                group <<= 6
            } else {
                guard let value = sextet(digit) else { return false }
                group = group << 6 | value
            }
            guard position % 4 == 3 else { continue }
            let count = position == digits.count - 1 ? 3 - padding : 3
            for place in 0..<count { buffer.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * place))) }
            // Bits that no byte takes must be zero, else two texts would stand for the same bytes.
            if count < 3, group & (1 << UInt32(24 - 8 * count) - 1) != 0 { return false }
            group = 0
        }
        return true
    }
}

private func sextet(_ digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a") + 26)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0") + 52)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
}
