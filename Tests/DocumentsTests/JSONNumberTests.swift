import Glibc
import Testing

@testable import Documents

@Suite struct JSONNumberTests {
    @Test("digits alone are exact within 64 bits, and doubles beyond", arguments: integers)
    func integer(text: String, expected: JSONNumber) throws {
        #expect(try number(text) == expected)
    }

    private static let integers: [(String, JSONNumber)] = [
        ("0", .integer(0)), ("7", .integer(7)), ("-1", .integer(-1)), ("12345678", .integer(12_345_678)),
        ("123456789", .integer(123_456_789)), ("9007199254740991", .integer(9_007_199_254_740_991)),
        ("9007199254740992", .integer(9_007_199_254_740_992)), ("9007199254740993", .integer(9_007_199_254_740_993)),
        ("-9007199254740993", .integer(-9_007_199_254_740_993)), ("9223372036854775807", .integer(.max)),
        ("-9223372036854775807", .integer(.min + 1)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .unsigned(9_223_372_036_854_775_808)),
        ("9999999999999999999", .unsigned(9_999_999_999_999_999_999)),
        ("10000000000000000000", .unsigned(10_000_000_000_000_000_000)), ("18446744073709551615", .unsigned(.max)),
        ("-9223372036854775809", .double(-9_223_372_036_854_775_808)), ("18446744073709551616", .double(0x1p64)),
        ("-18446744073709551615", .double(-0x1p64)), ("99999999999999999999", .double(1e20)),
        ("100000000000000000000", .double(1e20)), ("1" + String(repeating: "0", count: 308), .double(1e308)),
        ("1" + String(repeating: "0", count: 309), .overflow), (String(repeating: "9", count: 400), .overflow),
        ("-" + String(repeating: "9", count: 400), .overflow),
    ]

    @Test("a point or an exponent makes the nearest double", arguments: doubles)
    func double(text: String, expected: Double) throws {
        guard case .double(let value) = try number(text) else {
            return #expect(Bool(false), "expected a double of \(text)")
        }
        #expect(value.bitPattern == expected.bitPattern, "\(value) for \(text)")
    }

    private static let doubles: [(String, Double)] = [
        ("1.0", 1), ("1e3", 1_000), ("1E3", 1_000), ("1e+3", 1_000), ("1e-3", 0.001), ("0.5", 0.5), ("-0", -0.0),
        ("-0.0", -0.0), ("0.0", 0), ("0e5", 0), ("-0e5", -0.0), ("0e999999999999999999999", 0), ("1e00003", 1_000),
        ("9007199254740991.0", 0x1.fffffffffffffp52), ("9007199254740993.0", 0x1p53),
        ("9007199254740993.00000000000000000000000000000000001", 0x1.0000000000001p53),
        ("9007199254740995.0", 0x1.0000000000002p53), ("9007199254740993e0", 0x1p53), ("900719925474099.3e1", 0x1p53),
        ("1.00000000000000011102230246251565404236316680908203124", 1),
        ("1.00000000000000011102230246251565404236316680908203125", 1),
        ("1.00000000000000011102230246251565404236316680908203126", 0x1.0000000000001p0),
        ("1.00000000000000033306690738754696212708950042724609375", 0x1.0000000000002p0),
        ("5e-324", 0x1p-1074), ("4.9406564584124654e-324", 0x1p-1074), ("2.4703282292062327e-324", 0),
        ("2.4703282292062328e-324", 0x1p-1074), ("1e-400", 0), ("-1e-400", -0.0), ("1e-999999999999999999999", 0),
        ("2.2250738585072011e-308", Double.leastNormalMagnitude.nextDown), ("2.2250738585072012e-308", 0x1p-1022),
        ("2.2250738585072014e-308", 0x1p-1022), ("1.7976931348623157e308", 0x1.fffffffffffffp1023),
        ("1.7976931348623158e308", 0x1.fffffffffffffp1023), ("-1.7976931348623157E+308", -0x1.fffffffffffffp1023),
        ("1e22", 1e22), ("1e23", 1e23), ("123456789012345678901234567890.5", 123_456_789_012_345_678_901_234_567_890.5),
        ("0." + String(repeating: "0", count: 1_000) + "1e1001", 1),
        ("1" + String(repeating: "0", count: 1_000) + "e-1000", 1),
        ("1" + String(repeating: "0", count: 1_000) + "." + String(repeating: "0", count: 1_000) + "e-1000", 1),
        ("0.00000012345678901234567", 1.2345678901234567e-7),
        ("1.7976931348623158079372897140530341507993e308", Double.greatestFiniteMagnitude),
    ]

    @Test(
        "what no double holds is an overflow, which is no error",
        arguments: [
            "1.7976931348623159e308", "-1.7976931348623159e308", "1e309", "-1e400", "1e999999",
            "1e999999999999999999999",
            "123456789012345678901234567890e300", "0.1e310", "1.7976931348623158079372897140530341507994e308",
        ]
    )
    func overflow(text: String) throws {
        #expect(try number(text) == .overflow)
    }

    @Test(
        "what JSON does not call a number is refused at the fault",
        arguments: [
            ("-", 1), ("+1", 0), (".5", 0), ("-.5", 1), ("1.", 2), ("1.e5", 2), ("-1.", 3), ("01", 1), ("-01", 2),
            ("00", 1),
            ("1e", 2), ("1e+", 3), ("1e-x", 3), ("1E 5", 2), ("- 1", 1), ("--1", 1), ("-NaN", 1), ("0x10", 1),
            ("1_000", 1),
            ("1,5", 1), ("1.5.5", 3), ("1e5e5", 3), ("1e5.5", 3), ("1f", 1), ("1d", 1), ("00000000000000000001", 1),
            ("12345678901234567890.", 21), ("1\u{660}", 1), ("1.:", 2), ("1./", 2), ("0.1234567:", 9),
        ]
    )
    func refused(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try number(text) }
        #expect(error?.offset == offset, "\(String(describing: error))")
    }

    @Test("numbers end where their digits end, in a document of any length")
    func ends() throws {
        for count in 1...40 {
            for digits in [String(repeating: "1", count: count), "0." + String(repeating: "1", count: count)] {
                for back in ["]", " ]", ",2]", "\n,2]"] {
                    let text = Array(("[" + digits + back).utf8)
                    #expect(try skip(text) == text.indices)
                    try reading(text) { reader in
                        try reader.beginArray()
                        #expect(try reader.nextElement())
                        _ = try reader.number()
                        #expect(reader.offset == 1 + digits.utf8.count)
                    }
                }
            }
        }
    }

    @Test("the logarithm of each power of ten is that of the exact power")
    func logarithms() {
        // 10^n has bits up to binaryExponent, and 2^binaryExponent ≤ 10^n; frexp of the double is off only at a tie.
        for exponent in -307...308 {
            let value = strtod("1e\(exponent)", nil)
            #expect(PowersOfFive.binaryExponent(ofTenTo: exponent) == Int(value.exponent), "10^\(exponent)")
        }
    }

    @Test("the powers of five are those that four of them are known to be")
    func powers() {
        let table = PowersOfFive.shared
        #expect(table[0] == .init(high: 1 << 63, low: 0))
        #expect(table[1] == .init(high: 5 << 61, low: 0))
        #expect(table[-1] == .init(high: 0xCCCC_CCCC_CCCC_CCCC, low: 0xCCCC_CCCC_CCCC_CCCC))
        #expect(table[27] == .init(high: 7_450_580_596_923_828_125 << 1, low: 0))
    }

    @Test(
        "a list of numbers is read at once, anything else is left alone",
        arguments: [
            ("[1, 2.5 ,-3e2]x", [1, 2.5, -300]), (" [\n7 ] x", [7]), ("[1,2,3,4]", [1, 2, 3, 4]), ("[1,2,3,4,5]", nil),
            ("[1,2,]", nil), ("[1, null,2]", [1, -1, 2]), ("[1,nul]", nil), ("[1,nulx]", nil), ("[1,nullx]", nil),
            ("[1,2,x]", nil), ("[1 2 3]", nil), ("[1,2,3}", nil), ("[]", nil),
            ("1", nil), ("[01]", nil), ("[1,[2]]", nil), ("[1,2", nil), ("[1,", nil), ("[", nil), ("", nil),
            ("[1e999]", nil),
        ] as [(String, [Double]?)]
    )
    func numbers(text: String, expected: [Double]?) throws {
        try reading(Array(text.utf8)) { reader in
            var values: [Double] = []
            let count = reader.numbers(atMost: 4) { _, number in
                switch number {
                case .integer(let value): values.append(Double(value))
                case .double(let value): values.append(value)
                case nil: values.append(-1)
                default: return false
                }
                return true
            }
            #expect(count == expected?.count)
            if let expected { #expect(values == expected) }
            let end = text.utf8.firstIndex(of: UInt8(ascii: "]")).map {
                text.utf8.distance(from: text.startIndex, to: $0)
            }
            #expect(reader.offset == (expected == nil ? 0 : end.map { $0 + 1 }))
        }
    }

    @Test("a list as deep as may be is not read at once where it is too deep")
    func depth() throws {
        try reading(Array("[1]".utf8), maximumDepth: 0) { #expect($0.numbers(atMost: 1) { _, _ in true } == nil) }
    }

}
