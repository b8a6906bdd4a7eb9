import Documents
import Testing

@Suite struct NumberListTests {
    @Test("an array of doubles is the text of each with commas between them, whatever their count")
    func doubles() {
        var random = Random()
        for count in [0, 1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 1_000] {
            let values = (0..<count).map { _ in anyDouble(&random) }
            #expect(list(values) == "[" + values.map(spelled).joined(separator: ",") + "]", "seed \(Random.seed)")
        }
    }

    @Test("an array of float32 is the text of each with commas between them, whatever their count")
    func floats() {
        var random = Random()
        for count in [0, 1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 1_000] {
            let values = (0..<count).map { _ in Float(anyDouble(&random)) }
            #expect(list(values) == "[" + values.map(spelled).joined(separator: ",") + "]", "seed \(Random.seed)")
        }
    }

    @Test("what is not finite may stand anywhere")
    func notFinite() {
        for count in 1...40 {
            for place in 0..<count {
                var values = (0..<count).map { Double($0) + 0.5 }
                values[place] = .nan
                values[count / 2] = -.infinity
                #expect(list(values) == "[" + values.map(spelled).joined(separator: ",") + "]")
                let singles = values.map { Float($0) }
                #expect(list(singles) == "[" + singles.map(spelled).joined(separator: ",") + "]")
            }
        }
        #expect(list([Double](repeating: .nan, count: 3)) == "[<nan>,<nan>,<nan>]")
    }

    @Test("the numbers may begin at any byte")
    func unaligned() {
        let values = [1.5, -2.25, 1e300]
        let bytes = [0] + values.withUnsafeBytes { Array($0) }
        let text = bytes.withUnsafeBytes { raw in
            DocumentsTests.text { buffer in
                guard let base = raw.baseAddress else { return }
                buffer.appendList(ofDoubles: base + 1, count: 3) { _, _ in }
            }
        }
        #expect(text == "[1.5,-2.25,1e+300]")
    }
}

/// Random bits, or a number of few digits, or one of a measurement.
private func anyDouble(_ random: inout Random) -> Double {
    switch random.next() % 3 {
    case 0: Double(bitPattern: random.next())
    case 1: Double(random.next() % 100_000) / 1_000
    default: Double.random(in: -1_000...1_000, using: &random)
    }
}

private func spelled(_ value: some BinaryFloatingPoint & CustomStringConvertible) -> String {
    value.isFinite ? "\(value)" : "<\(value)>"
}

private func list(_ values: [Double]) -> String {
    // One more is there than is written, for nothing has no place.
    (values + [0]).withUnsafeBytes { raw in
        text { buffer in
            guard let base = raw.baseAddress else { return }
            buffer.appendList(ofDoubles: base, count: values.count) { $1.append("<\($0)>") }
        }
    }
}

private func list(_ values: [Float]) -> String {
    (values + [0]).withUnsafeBytes { raw in
        text { buffer in
            guard let base = raw.baseAddress else { return }
            buffer.appendList(ofFloats: base, count: values.count) { $1.append("<\($0)>") }
        }
    }
}
