import Testing

@testable import Documents

extension ByteBuffer {
    /// The bytes that `body` appends to a new buffer, as text.
    static func text(_ body: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        body(&buffer)
        return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

@Suite struct NumberTests {
    @Test("200,000 random doubles read back as the same bits")
    func doubles() throws {
        var random = SystemRandomNumberGenerator()
        var values: [Double] = [
            0.0, -0.0, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 0.1, 1e21, 1e22, 1e23,
        ]
        while values.count < 200_000 {
            let value = Double(bitPattern: random.next())
            if value.isFinite { values.append(value) }
        }
        try check(values) {
            $0.appendDecimal($1)
        } same: {
            $0.bitPattern == $1.bitPattern
        }
    }

    @Test("100,000 short decimals read back as the same bits")
    func shortDecimals() throws {
        let values = (0..<100_000).map { Double($0 % 1000) * [1e-3, 1e-5, 0.25, 1e10, 1e-12][$0 % 5] }
        try check(values) {
            $0.appendDecimal($1)
        } same: {
            $0.bitPattern == $1.bitPattern
        }
    }

    @Test("200,000 random floats read back as the same bits")
    func floats() throws {
        var random = SystemRandomNumberGenerator()
        var values: [Float] = [0.0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1, 16_777_216]
        while values.count < 200_000 {
            let value = Float(bitPattern: random.next())
            if value.isFinite { values.append(value) }
        }
        try check(values) {
            $0.appendDecimal($1)
        } same: {
            Float($0).bitPattern == $1.bitPattern
        }
    }

    @Test("every float16 reads back as the same bits")
    func halves() throws {
        let values = (UInt16.min...UInt16.max).map { Float16(bitPattern: $0) }.filter(\.isFinite)
        #expect(values.count == 65_536 - 2 * 1024)
        try check(values) {
            $0.appendDecimal($1)
        } same: {
            Float16($0).bitPattern == $1.bitPattern
        }
    }

    /// Writes all as one JSON array and reads it again.
    private func check<Value>(
        _ values: [Value],
        write: (inout ByteBuffer, Value) -> Void,
        same: (Double, Value) -> Bool
    ) throws {
        var text = ByteBuffer()
        for (index, value) in values.enumerated() {
            text.append(UInt8(ascii: index == 0 ? "[" : ","))
            write(&text, value)
        }
        text.append(UInt8(ascii: "]"))
        var wrong: [String] = []
        try text.withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            try reader.beginArray()
            for value in values {
                _ = try reader.nextElement()
                let start = reader.offset
                guard case .double(let got) = try reader.number(), same(got, value) else {
                    wrong.append("\(value): \(reader.text(in: start..<reader.offset))")
                    continue
                }
            }
            #expect(try !reader.nextElement())
            try reader.finish()
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    @Test(
        "a double is its shortest decimal, with a point or an exponent",
        arguments: [
            (0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (-1.5, "-1.5"), (0.1, "0.1"), (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e-5, "1e-05"), (123_456.789, "123456.789"), (.leastNonzeroMagnitude, "5e-324"),
            (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
            (1.0 / 3, "0.3333333333333333"),
        ] as [(Double, String)]
    )
    func shortest(value: Double, text: String) { #expect(ByteBuffer.text { $0.appendDecimal(value) } == text) }

    @Test("a float32 and a float16 are shortest for their own precision")
    func narrowFloats() {
        #expect(ByteBuffer.text { $0.appendDecimal(Float(0.1)) } == "0.1")
        #expect(ByteBuffer.text { $0.appendDecimal(Float16(0.1)) } == "0.1")
        #expect(ByteBuffer.text { $0.appendDecimal(Float(16_777_216)) } == "16777216.0")
        #expect(ByteBuffer.text { $0.appendDecimal(Float16(65_504)) } == "65504.0")
        #expect(ByteBuffer.text { $0.appendDecimal(Float(-0.0)) } == "-0.0")
    }

    @Test("integers at the bounds and at every count of digits are exact")
    func integers() throws {
        var values: [Int64] = [.min, .min + 1, .max, 0, -1, 9, 10, 99, 100, 101]
        var power: Int64 = 1
        for _ in 0..<18 {
            power *= 10
            values += [power - 1, power, power + 1, -power, 1 - power]
        }
        for value in values {
            let text = ByteBuffer.text { $0.appendDecimal(value) }
            #expect(text == "\(value)")
            #expect(try JSONReader.parse(text) == .number(.integer(value)))
        }
        for value in [UInt64.max, .max - 1, 1 << 63, 10_000_000_000_000_000_000, 9_999_999_999_999_999_999] as [UInt64]
        {
            let text = ByteBuffer.text { $0.appendDecimal(value) }
            #expect(text == "\(value)")
            #expect(try JSONReader.parse(text) == .number(.unsigned(value)))
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let value = random.next() >> random.next(upperBound: 64 as UInt64)
            let text = ByteBuffer.text { $0.appendDecimal(value) }
            #expect(text == "\(value)")
        }
    }
}
