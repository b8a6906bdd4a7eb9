import Documents
import Glibc
import Testing

@Suite struct RoundTripTests {
    @Test("doubles of random bits are written so that the reader and the C library get them back")
    func doubles() {
        var random = Random()
        var failures: [String] = []
        for _ in 0..<Random.count {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            let digits = text { $0.appendDecimal(value) }
            if !isFloat(digits) || strtod(digits, nil) != value || !reads(digits, as: value) { failures.append(digits) }
        }
        #expect(failures.isEmpty, "seed \(Random.seed): \(failures.prefix(5))")
    }

    @Test("floats of random bits are written so that the nearest float32 of what is read is theirs")
    func floats() {
        var random = Random()
        var failures: [String] = []
        for _ in 0..<Random.count {
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            guard value.isFinite else { continue }
            let digits = text { $0.appendDecimal(value) }
            let isRight = readDouble(digits).map { Float($0).bitPattern == value.bitPattern } == true
            if !isFloat(digits) || !isRight || strtof(digits, nil) != value || digits.utf8.count > 16 {
                failures.append(digits)
            }
        }
        #expect(failures.isEmpty, "seed \(Random.seed): \(failures.prefix(5))")
    }

    @Test("doubles and floats are spelled as the standard library spells them, which finds the digits in another way")
    func sameAsTheLibrary() {
        var random = Random()
        var failures: [String] = []
        func compare(_ value: Double) {
            for value in [value, value.nextUp, value.nextDown, -value] where value.isFinite {
                if text({ $0.appendDecimal(value) }) != "\(value)" { failures.append("\(value)") }
            }
            let single = Float(value)
            for value in [single, single.nextUp, single.nextDown, -single] where value.isFinite {
                if text({ $0.appendDecimal(value) }) != "\(value)" { failures.append("\(value) as a float") }
            }
        }
        for exponent in -1_074...1_023 { compare(Double(sign: .plus, exponent: exponent, significand: 1)) }
        for exponent in -324...308 { compare(strtod("1e\(exponent)", nil)) }
        for shift in UInt64(0)..<52 { compare(Double(bitPattern: 1 << shift)) }
        for _ in 0..<Random.count {
            compare(Double(bitPattern: random.next()))
            compare(Double(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))))
            // Numbers of few digits, as people write them, large integers, and measurements.
            compare(Double(random.next() % 100_000) / 1_000)
            compare(Double(random.next() >> UInt64.random(in: 0...63, using: &random)))
            compare(Double.random(in: -1_000...1_000, using: &random))
            // Quarters so great that they lie in the middle between two decimals.
            compare(Double(random.next() >> 12) / 4)
        }
        #expect(failures.prefix(5).isEmpty, "seed \(Random.seed), \(failures.count) of them")
    }

    @Test("every float16 comes back")
    func halves() {
        var failures: [String] = []
        for bits in UInt16.min...UInt16.max {
            let value = Float16(bitPattern: bits)
            guard value.isFinite else { continue }
            let digits = text { $0.appendDecimal(value) }
            let isRight = readDouble(digits).map { Float16($0).bitPattern == bits } == true
            if !isFloat(digits) || !isRight || Float16(strtod(digits, nil)) != value { failures.append(digits) }
        }
        #expect(failures.isEmpty, "\(failures.prefix(5))")
    }

    @Test("random decimals of up to 40 digits are read as the C library reads them")
    func decimals() {
        var random = Random()
        var failures: [String] = []
        for _ in 0..<Random.count {
            var digits = random.next() & 1 == 0 ? "-" : ""
            digits += String(UInt64.random(in: 1...9, using: &random)) + "."
            for _ in 0..<Int.random(in: 1...39, using: &random) {
                digits += String(UInt64.random(in: 0...9, using: &random))
            }
            digits += "e" + String(Int.random(in: -345...310, using: &random))
            if !reads(digits, as: strtod(digits, nil)) { failures.append(digits) }
        }
        #expect(failures.isEmpty, "seed \(Random.seed): \(failures.prefix(5))")
    }

    @Test("integers of 1 to 20 digits are read with every power of ten as the C library reads them")
    func everyExponent() {
        var random = Random()
        var failures: [String] = []
        for exponent in -345...310 {
            for shift in stride(from: 0, through: 60, by: 6) {
                let digits = "\(random.next() >> UInt64(shift))e\(exponent)"
                if !reads(digits, as: strtod(digits, nil)) { failures.append(digits) }
            }
        }
        #expect(failures.isEmpty, "seed \(Random.seed): \(failures.prefix(5))")
    }

    @Test("the middle between two neighbouring doubles is read as the even one, and what lies beside it as the nearer")
    func ties() {
        var random = Random()
        var failures: [String] = []
        for _ in 0..<Random.count / 10 {
            // Integers between 2^53 and 2^63, whose exact middles have 16 to 19 digits.
            let value = Double(random.next() >> 1 | 1 << 54)
            let middle = UInt64(value) + UInt64(value.ulp) / 2
            for text in [
                "\(middle).0", "\(middle)e0", "\(middle).0000000000000000000001",
                "\(middle - 1).9999999999999999999999",
            ] {
                if !reads(text, as: strtod(text, nil)) { failures.append(text) }
            }
            let even = value.significandBitPattern & 1 == 0 ? value : value.nextUp
            if !reads("\(middle).0", as: even) { failures.append("\(middle).0") }
        }
        #expect(failures.isEmpty, "seed \(Random.seed): \(failures.prefix(5))")
    }

    @Test("integers at every number of digits, and random ones, come back")
    func integers() {
        var random = Random()
        var values: [UInt64] = [0, .max]
        var power: UInt64 = 1
        for _ in 0..<20 {
            values += [power - 1, power, power + 1]
            power = power &* 10
        }
        for _ in 0..<Random.count { values.append(random.next() >> UInt64.random(in: 0...63, using: &random)) }
        var failures: [UInt64] = []
        for value in values {
            let signed = Int64(bitPattern: value)
            let expected = Int64(exactly: value).map { JSONNumber.integer($0) } ?? .unsigned(value)
            let written = (text { $0.appendDecimal(value) }, text { $0.appendDecimal(signed) })
            if written != (String(value), String(signed)) {
                failures.append(value)
            }
            if (try? number(String(value))) != expected { failures.append(value) }
        }
        #expect(failures.isEmpty, "seed \(Random.seed): \(failures.prefix(5))")
    }

    @Test("floats are spelled as Python and NumPy readers expect, and stay floats")
    func spelling() {
        #expect(text { $0.appendDecimal(1.0) } == "1.0")
        #expect(text { $0.appendDecimal(-0.0) } == "-0.0")
        #expect(text { $0.appendDecimal(0.1) } == "0.1")
        #expect(text { $0.appendDecimal(1e-7) } == "1e-07")
        #expect(text { $0.appendDecimal(1e21) } == "1e+21")
        #expect(text { $0.appendDecimal(-Double.leastNormalMagnitude) } == "-2.2250738585072014e-308")
        #expect(text { $0.appendDecimal(Double.leastNonzeroMagnitude) } == "5e-324")
        #expect(text { $0.appendDecimal(Float(0.1)) } == "0.1")
        #expect(text { $0.appendDecimal(Float16(0.1)) } == "0.1")
        #expect(text { $0.appendDecimal(Int64.min) } == "-9223372036854775808")
        #expect(text { $0.appendDecimal(UInt64.max) } == "18446744073709551615")
    }

    @Test("a number that is not finite has no decimal")
    func notFinite() async {
        await #expect(processExitsWith: .failure) { _ = text { $0.appendDecimal(Double.nan) } }
        await #expect(processExitsWith: .failure) { _ = text { $0.appendDecimal(-Float.infinity) } }
        await #expect(processExitsWith: .failure) { _ = text { $0.appendDecimal(Float16.infinity) } }
    }
}

private func readDouble(_ text: String) -> Double? {
    guard case .double(let value) = try? number(text) else { return nil }
    return value
}

private func reads(_ text: String, as value: Double) -> Bool {
    guard let number = try? number(text) else { return false }
    return value.isFinite ? readDouble(text)?.bitPattern == value.bitPattern : number == .overflow
}

private func isFloat(_ text: String) -> Bool {
    text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") }
}
