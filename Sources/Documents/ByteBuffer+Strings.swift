private let hexadecimalDigits: StaticString = "0123456789abcdef"

extension ByteBuffer {
    /// Appends text in quotes; only what JSON demands is escaped.
    package mutating func appendJSON(_ text: String) {
        var text = text
        text.withUTF8 { appendJSON(utf8: UnsafeRawBufferPointer($0)) }
    }

    /// Appends bytes that are known to be UTF-8 in quotes.
    package mutating func appendJSON(utf8 bytes: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var start = 0
        for (position, byte) in bytes.enumerated()
        where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<position]))
            appendEscape(byte)
            start = position + 1
        }
        append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start...]))
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(_ byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0A: append(UInt8(ascii: "n"))
        case 0x0C: append(UInt8(ascii: "f"))
        case 0x0D: append(UInt8(ascii: "r"))
        default:
            append("u00")
            append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
            append(hexadecimalDigits.utf8Start[Int(byte & 15)])
        }
    }
}
