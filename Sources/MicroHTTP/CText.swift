/// A short C string being written into memory of the stack: what every answer says costs no allocation.
struct CText {
    private let bytes: UnsafeMutableBufferPointer<CChar>
    private var count = 0

    /// Runs `body` with the text that `write` makes, of at most `capacity` bytes; more is cut.
    static func with<R>(
        capacity: Int = 192,
        _ write: (inout CText) -> Void,
        _ body: (UnsafePointer<CChar>) -> R
    ) -> R {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity + 1) { bytes in
            var text = CText(bytes: bytes)
            write(&text)
            bytes[text.count] = 0
            guard let start = bytes.baseAddress else { preconditionFailure("memory of the stack has an address") }
            return body(UnsafePointer(start))
        }
    }

    private init(bytes: UnsafeMutableBufferPointer<CChar>) { self.bytes = bytes }

    mutating func append(_ byte: UInt8) {
        guard count < bytes.count - 1 else { return }
        bytes[count] = CChar(bitPattern: byte)
        count += 1
    }

    mutating func append(_ text: StaticString) { text.withUTF8Buffer { for byte in $0 { append(byte) } } }

    mutating func append(_ text: String) { for byte in text.utf8 { append(byte) } }

    /// A number in a base up to 16, with zeros in front up to so many digits.
    mutating func append(_ number: UInt64, base: UInt64 = 10, digits least: Int = 1) {
        var divisor: UInt64 = 1
        var digits = 1
        while digits < least || number / divisor >= base {
            divisor *= base
            digits += 1
        }
        while divisor > 0 {
            let digit = UInt8(number / divisor % base)
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            divisor /= base
        }
    }
}
