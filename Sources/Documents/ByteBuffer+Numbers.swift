extension ByteBuffer {
    /// Appends a finite number as the shortest decimal that reads back as it, with a point or an exponent.
    package mutating func appendDecimal(_ value: Double) { appendShortest(value) }

    /// Appends a finite float32 as the shortest decimal that rounds to it, with a point or an exponent.
    package mutating func appendDecimal(_ value: Float) { appendShortest(value) }

    /// Appends a finite float16 as the shortest decimal that rounds to it, with a point or an exponent.
    package mutating func appendDecimal(_ value: Float16) {
        precondition(value.isFinite, "only a finite number has decimals; the caller says what stands for the others")
        append("\(value)")
    }

    @inline(__always)
    private mutating func appendShortest<Value: DecimalNumeral>(_ value: Value) {
        guard let decimal = value.shortestDecimal(.shared) else {
            preconditionFailure("only a finite number has decimals; the caller says what stands for the others")
        }
        append(upTo: DecimalText.mostBytes) { DecimalText(decimal).store(value, to: $0) }
    }
}
