/// Text of a number that goes straight into a buffer.
private struct NumberText: TextOutputStream {
    var bytes: InlineArray<64, UInt8> = .init(repeating: 0)
    var count = 0

    mutating func write(_ string: String) {
        for byte in string.utf8 where count < 64 {
            bytes[count] = byte
            count += 1
        }
    }

    mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
        for byte in buffer where count < 64 {
            bytes[count] = byte
            count += 1
        }
    }
}

extension ByteBuffer {
    /// Appends an integer in decimal.
    package mutating func appendDecimal(_ value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        appendDecimal(value.magnitude)
    }

    /// Appends an integer in decimal.
    package mutating func appendDecimal(_ value: UInt64) {
        if value < 10 { return append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
        let digits = Self.digitCount(value)
        append(upTo: digits) { place in
            var rest = value
            var end = digits
            while rest >= 100 {
                let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
                rest = quotient
                end -= 2
                Self.storePair(pair, to: place + end)
            }
            if rest >= 10 {
                Self.storePair(rest, to: place)
            } else {
                place[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest)
            }
            return digits
        }
    }

    /// Appends the shortest decimal that reads back as this finite number; it has a point or an exponent.
    package mutating func appendDecimal(_ value: Double) { appendShortest(value) }

    /// Appends the shortest decimal that reads back as this finite float32.
    package mutating func appendDecimal(_ value: Float) { appendShortest(value) }

    /// Appends the shortest decimal that reads back as this finite float16.
    package mutating func appendDecimal(_ value: Float16) { appendShortest(value) }

    @inline(__always)
    private mutating func appendShortest(_ value: some TextOutputStreamable) {
        var text = NumberText()
        value.write(to: &text)
        append(upTo: 64) { place in
            for index in 0..<text.count { place[index] = text.bytes[index] }
            return text.count
        }
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var limit: UInt64 = 10
        while value >= limit {
            count += 1
            let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
            if overflow { return count }
            limit = next
        }
        return count
    }

    @inline(__always)
    private static func storePair(_ pair: UInt64, to place: UnsafeMutablePointer<UInt8>) {
        let (tens, ones) = UInt8(truncatingIfNeeded: pair).quotientAndRemainder(dividingBy: 10)
        place[0] = UInt8(ascii: "0") + tens
        place[1] = UInt8(ascii: "0") + ones
    }
}
