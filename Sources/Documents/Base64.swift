extension ByteBuffer {
    /// Appends bytes in base64 (RFC 4648, section 4) with padding, without quotes.
    package mutating func appendBase64(_ bytes: UnsafeRawBufferPointer) {
        let digitCount = (bytes.count + 2) / 3 * 4
        append(upTo: digitCount) { place in
            var digits = place
            var next = 0
            while next + 3 <= bytes.count {
                let group = Int(bytes[next]) << 16 | Int(bytes[next + 1]) << 8 | Int(bytes[next + 2])
                for index in 0..<4 { digits[index] = digit(group, index) }
                digits += 4
                next += 3
            }
            let left = bytes.count - next
            if left > 0 {
                let group = Int(bytes[next]) << 16 | (left > 1 ? Int(bytes[next + 1]) << 8 : 0)
                for index in 0..<4 { digits[index] = index <= left ? digit(group, index) : padding }
            }
            return digitCount
        }
    }
}

/// Appends the bytes that padded base64 of the standard alphabet stands for; false, with nothing appended, where the
/// text is none.
package func decodeBase64(_ text: String, into buffer: inout ByteBuffer) -> Bool {
    var text = text
    return text.withUTF8 { decodeBase64(digits: $0, into: &buffer) }
}

private func decodeBase64(digits: UnsafeBufferPointer<UInt8>, into buffer: inout ByteBuffer) -> Bool {
    guard digits.count % 4 == 0 else { return false }
    if digits.isEmpty { return true }
    let missing = digits[digits.count - 1] != padding ? 0 : digits[digits.count - 2] != padding ? 1 : 2
    let byteCount = digits.count / 4 * 3 - missing
    let before = buffer.count
    buffer.append(upTo: byteCount) { place in
        var next = 0
        var written = 0
        while written < byteCount {
            var group = 0
            let byteCountHere = min(3, byteCount - written)
            for index in 0..<4 {
                let value = index <= byteCountHere ? sextets[Int(digits[next + index])] : 0
                guard value < 64 else { return 0 }
                group = group << 6 | Int(value)
            }
            // Bits that no byte takes must be zero, else two texts would stand for the same bytes.
            guard group & (1 << (24 - 8 * byteCountHere) - 1) == 0 else { return 0 }
            for index in 0..<byteCountHere {
                place[written + index] = UInt8(truncatingIfNeeded: group >> (16 - 8 * index))
            }
            next += 4
            written += byteCountHere
        }
        return written
    }
    return buffer.count == before + byteCount
}

private let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
private let padding = UInt8(ascii: "=")

/// What each byte stands for as a digit; 255 where it is none.
private let sextets: InlineArray<256, UInt8> = {
    var values = InlineArray<256, UInt8>(repeating: 255)
    for value in 0..<64 { values[Int(alphabet.utf8Start[value])] = UInt8(value) }
    return values
}()

@inline(__always)
private func digit(_ group: Int, _ index: Int) -> UInt8 { alphabet.utf8Start[group >> (18 - 6 * index) & 63] }
