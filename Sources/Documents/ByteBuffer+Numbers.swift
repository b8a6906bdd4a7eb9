extension ByteBuffer {
    /// Appends a finite number as the shortest decimal that reads back as it, with a point or an exponent.
    package mutating func appendDecimal(_ value: Double) { appendShortest(value) }

    /// Appends a finite float32 as the shortest decimal that rounds to it, with a point or an exponent.
    package mutating func appendDecimal(_ value: Float) { appendShortest(value) }

    /// Appends a finite float16 as the shortest decimal that rounds to it, with a point or an exponent.
    package mutating func appendDecimal(_ value: Float16) { appendShortest(value) }

    @inline(__always)
    private mutating func appendShortest(_ value: some BinaryFloatingPoint & TextOutputStreamable) {
        precondition(value.isFinite, "only a finite number has decimals; the caller says what stands for the others")
        append(upTo: ShortestText.limit) { place in
            var text = ShortestText(place: place)
            value.write(to: &text)
            return text.count
        }
    }
}

/// Takes the digits that the standard library finds straight into a buffer.
private struct ShortestText: TextOutputStream {
    /// More bytes than the longest spelling, `-2.2250738585072014e-308`, has.
    static let limit = 32

    let place: UnsafeMutablePointer<UInt8>
    var count = 0

    /// The way that costs a String; floats take it only if the library stops using the other.
    mutating func write(_ string: String) {
        for byte in string.utf8 { add(byte) }
    }

    mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
        for byte in buffer { add(byte) }
    }

    @inline(__always)
    private mutating func add(_ byte: UInt8) {
        precondition(count < Self.limit, "no float has so long a decimal")
        place[count] = byte
        count += 1
    }
}
