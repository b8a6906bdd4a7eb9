import Testing

@testable import Documents

extension JSONReader {
    /// The whole of a text as one value.
    static func parse(_ bytes: [UInt8], maximumDepth: Int = 128) throws(JSONError) -> JSONValue {
        let result: Result<JSONValue, JSONError> = bytes.withUnsafeBytes { raw in
            Result { () throws(JSONError) in
                var reader = JSONReader(raw, maximumDepth: maximumDepth)
                let value = try reader.value()
                try reader.finish()
                return value
            }
        }
        return try result.get()
    }

    static func parse(_ text: String, maximumDepth: Int = 128) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), maximumDepth: maximumDepth)
    }
}

extension JSONValue {
    static func object(_ members: (String, JSONValue)...) -> JSONValue {
        .object(JSONObject(members: members.map { .init(name: $0.0, value: $0.1) }))
    }

    static func integer(_ value: Int64) -> JSONValue { .number(.integer(value)) }
}

@Suite struct JSONReaderTests {
    static let valid: [(String, JSONValue)] = [
        ("null", .null), ("true", .bool(true)), ("false", .bool(false)), (" \t\r\n 1 \n", .integer(1)),
        ("[]", .array([])), ("[ ]", .array([])), ("{}", .object()), ("{ }", .object()),
        ("[[],[]]", .array([.array([]), .array([])])),
        ("[1,2 , 3]", .array([.integer(1), .integer(2), .integer(3)])), ("[{},{}]", .array([.object(), .object()])),
        (#"{"a":1,"b":[null]}"#, .object(("a", .integer(1)), ("b", .array([.null])))),
        (#"{"":""}"#, .object(("", .string("")))),
        (#"{"a":{"a":{"a":0}}}"#, .object(("a", .object(("a", .object(("a", .integer(0)))))))),
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")), (#""\u0041\u00e9\u20AC""#, .string("Aé€")),
        (#""\uD834\uDD1E""#, .string("\u{1D11E}")), (#""\u0000""#, .string("\0")), (#""\uFFFF""#, .string("\u{FFFF}")),
        (#""\udbff\udfff""#, .string("\u{10FFFF}")), ("\"\u{7F}\"", .string("\u{7F}")),
        ("\"é€\u{1D11E}\"", .string("é€\u{1D11E}")),
        ("\"\u{2028}\"", .string("\u{2028}")),
    ]

    @Test("what RFC 8259 allows is read", arguments: valid)
    func reads(text: String, value: JSONValue) throws { #expect(try JSONReader.parse(text) == value) }

    static let numbers: [(String, JSONNumber)] = [
        ("0", .integer(0)), ("-0", .double(-0.0)), ("-1", .integer(-1)), ("9223372036854775807", .integer(.max)),
        ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .unsigned(1 << 63)),
        ("18446744073709551615", .unsigned(.max)), ("18446744073709551616", .double(18_446_744_073_709_551_616)),
        ("18446744073709551620", .double(18_446_744_073_709_551_616)), ("99999999999999999999", .double(1e20)),
        ("-9223372036854775809", .double(-9_223_372_036_854_775_808)),
        ("-18446744073709551615", .double(-18_446_744_073_709_551_616)),
        ("100000000000000000000000", .double(1e23)), ("1.0", .double(1)), ("-1.5", .double(-1.5)),
        ("1e2", .double(100)),
        ("1E+2", .double(100)), ("1e-2", .double(0.01)), ("0e5", .double(0)), ("-0.0", .double(-0.0)),
        ("0.1", .double(0.1)),
        ("1e22", .double(1e22)), ("1e23", .double(1e23)),
        ("123456789012345678901234567890e-20", .double(1_234_567_890.123_456_789)),
        ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)), ("1.7976931348623159e308", .overflow),
        ("-1e309", .overflow), ("1e999999", .overflow), ("1e-999999", .double(0)), ("-1e-999999", .double(-0.0)),
        ("1e99999999999999999999", .overflow), ("0e99999999999999999999", .double(0)),
        ("1e-99999999999999999999", .double(0)),
        ("5e-324", .double(.leastNonzeroMagnitude)), ("2.4703282292062327e-324", .double(0)),
        ("2.4703282292062328e-324", .double(.leastNonzeroMagnitude)),
        ("2.2250738585072011e-308", .double(Double(bitPattern: 0x000F_FFFF_FFFF_FFFF))),
        ("9007199254740993", .integer(9_007_199_254_740_993)),
        ("9007199254740993.0", .double(9_007_199_254_740_992)), ("0.00000000000000000000000001", .double(1e-26)),
        ("1234567890123456789.5", .double(1_234_567_890_123_456_789.5)),
        ("12345678901234567890.5", .double(12_345_678_901_234_567_890.5)),
        ("0.1234567890123456789012345", .double(0.123_456_789_012_345_678_901_234_5)),
        ("1" + String(repeating: "0", count: 400), .overflow),
        ("0." + String(repeating: "0", count: 400) + "1e401", .double(1)),
        ("1" + String(repeating: "0", count: 400) + "e-400", .double(1)),
        ("10000000000000000000", .unsigned(10_000_000_000_000_000_000)),
    ]

    @Test("a number is as exact as the machine has it", arguments: numbers)
    func reads(text: String, number: JSONNumber) throws {
        guard case .number(let got) = try JSONReader.parse(text) else {
            Issue.record("expected a number")
            return
        }
        #expect(got == number)
        if case .double(let one) = got, case .double(let other) = number { #expect(one.bitPattern == other.bitPattern) }
        guard case .array(let items) = try JSONReader.parse("[\(text),\(text)]") else { return }
        #expect(items == [.number(number), .number(number)])
    }

    static let invalid: [(String, JSONError.Kind, Int)] = [
        ("", .syntax, 0), ("  ", .syntax, 2), ("nul", .syntax, 3), ("nulL", .syntax, 3), ("True", .syntax, 0),
        ("truex", .trailing, 4),
        ("NaN", .syntax, 0), ("Infinity", .syntax, 0), ("-Infinity", .syntax, 1), ("+1", .syntax, 0),
        ("01", .syntax, 1),
        ("-01", .syntax, 2), ("00", .syntax, 1), ("1.", .syntax, 2), (".5", .syntax, 0), ("-", .syntax, 1),
        ("1e", .syntax, 2), ("1e+", .syntax, 3),
        ("1.e1", .syntax, 2), ("0x10", .trailing, 1), ("1 2", .trailing, 2), ("1_000", .trailing, 1),
        ("[1", .syntax, 2),
        ("[1,", .syntax, 3), ("[1,]", .syntax, 3), ("[,1]", .syntax, 1), ("[1 2]", .syntax, 3), ("[1}", .syntax, 2),
        ("]", .syntax, 0), ("[", .syntax, 1),
        ("{", .syntax, 1), (#"{"a"}"#, .syntax, 4), (#"{"a":}"#, .syntax, 5), (#"{"a":1,}"#, .syntax, 7),
        ("{1:2}", .syntax, 1), ("{a:1}", .syntax, 1),
        (#"{"a" 1}"#, .syntax, 5), (#"{"a":1 "b":2}"#, .syntax, 7), (#"{"a":1]"#, .syntax, 6), ("{,}", .syntax, 1),
        ("'a'", .syntax, 0), ("\"", .syntax, 1), ("\"a", .syntax, 2),
        (#""\"#, .syntax, 2), (#""\x""#, .syntax, 2), (#""\u12"#, .syntax, 5), (#""\u12g4""#, .syntax, 5),
        (#""\u+123""#, .syntax, 3), ("\"\n\"", .syntax, 1),
        ("\"\t\"", .syntax, 1), ("\"a\0\"", .syntax, 2), (#""\n"# + "\n\"", .syntax, 3), ("[] []", .trailing, 3),
        ("{}}", .trailing, 2), ("\u{FEFF}1", .syntax, 0),
        ("\u{A0}1", .syntax, 0), ("1\u{C}", .trailing, 1), ("// c\n1", .syntax, 0), ("[1]/**/", .trailing, 3),
    ]

    @Test("what RFC 8259 forbids is refused at its byte", arguments: invalid)
    func refuses(text: String, kind: JSONError.Kind, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONReader.parse(text) }
        #expect(error?.kind == kind && error?.offset == offset, "\(String(describing: error))")
        #expect(error?.description.hasSuffix("at byte \(offset)") == true)
    }

    @Test(
        "lone surrogates are refused",
        arguments: [
            #"\ud800"#, #"\udc00"#, #"\ud800\ud800"#, #"\ud800x"#, #"\ud800\n"#, #"\udc00\ud800"#, #"\uDFFF"#,
            #"\ud800\u0041"#,
        ]
    )
    func surrogates(text: String) {
        let error = #expect(throws: JSONError.self) { try JSONReader.parse("\"ab\(text)\"") }
        #expect(error?.kind == .surrogate)
    }

    @Test(
        "bytes that are no UTF-8 are refused",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x80, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ] as [[UInt8]]
    )
    func encoding(bytes: [UInt8]) {
        for prefix in ["", "a", #"\n"#, "é"] {
            let text = Array("\"\(prefix)".utf8) + bytes + [0x22]
            let error = #expect(throws: JSONError.self) { try JSONReader.parse(text) }
            #expect(error?.kind == .encoding)
        }
        #expect(throws: JSONError.self) { try JSONReader.parse(bytes) }
    }

    @Test(
        "a name that occurs twice in an object is refused, however it is spelled",
        arguments: [
            (#"{"a":1,"a":2}"#, 7), (#"{"a":1,"\u0061":2}"#, 7), (#"{"":1,"":2}"#, 6),
            (#"{"x":{"a":1,"b":2,"a":3}}"#, 18), (#"{"é":1,"\u00e9":2}"#, 8),
        ]
    )
    func duplicates(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONReader.parse(text) }
        #expect(error?.kind == .duplicateKey && error?.offset == offset)
    }

    @Test("a name that occurs twice is found among many", arguments: [2, 31, 32, 33, 34, 1000])
    func duplicateAmongMany(count: Int) throws {
        let members = (0..<count).map { #""k\#($0)":\#($0)"# }
        guard case .object(let object) = try JSONReader.parse("{\(members.joined(separator: ","))}") else { return }
        #expect(object.members.count == count)
        #expect(object["k\(count - 1)"] == .integer(Int64(count - 1)))
        for again in [0, count / 2, count - 1] {
            let text = "{\((members + [members[again]]).joined(separator: ","))}"
            #expect(throws: JSONError.self) { try JSONReader.parse(text) }
        }
    }

    @Test("names that are equal to Unicode but not in their bytes are two names", arguments: [0, 40])
    func canonicalEquivalents(others: Int) throws {
        let more = (0..<others).map { #","k\#($0)":0"# }.joined()
        guard case .object(let object) = try JSONReader.parse(#"{"\u00e9":1,"e\u0301":2\#(more)}"#) else { return }
        #expect(object.members.count == others + 2)
        #expect(object.members[0].name.utf8.count == 2 && object.members[1].name.utf8.count == 3)
        #expect(object["e\u{301}"] == .integer(2), "each name has its own value")
    }

    @Test("the same name in different objects is no duplicate")
    func namesOfDifferentObjects() throws {
        _ = try JSONReader.parse(#"[{"a":1},{"a":1},{"b":{"a":1},"a":{"a":1}}]"#)
    }

    @Test("a document nests to its limit and no deeper", arguments: [1, 2, 64, 128])
    func depth(limit: Int) throws {
        let allowed = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        _ = try JSONReader.parse(allowed, maximumDepth: limit)
        let error = #expect(throws: JSONError.self) { try JSONReader.parse("[\(allowed)]", maximumDepth: limit) }
        #expect(error?.kind == .depth && error?.offset == limit)
        let siblings = "[" + Array(repeating: "[]", count: 1000).joined(separator: ",") + "]"
        _ = try JSONReader.parse(siblings, maximumDepth: 2)
        let objects = String(repeating: #"{"a":"#, count: limit) + "1" + String(repeating: "}", count: limit)
        _ = try JSONReader.parse(objects, maximumDepth: limit)
    }

    @Test("100,000 brackets are an error of depth, to a value and to a skip", arguments: ["[", #"{"a":"#])
    func manyBrackets(open: String) {
        let text = String(repeating: open, count: 100_000)
        let error = #expect(throws: JSONError.self) { try JSONReader.parse(text) }
        #expect(error?.kind == .depth)
        let skipped = #expect(throws: JSONError.self) {
            try Array(text.utf8).withUnsafeBytes { raw in
                var reader = JSONReader(raw)
                _ = try reader.skip()
            }
        }
        #expect(skipped?.kind == .depth)
    }

    @Test("a skip gives the place of the value, and checks it")
    func skip() throws {
        let text = #" [ {"a": [1, "x"]} , 2 ] "#
        try Array(text.utf8).withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            let range = try reader.skip()
            try reader.finish()
            #expect(reader.text(in: range) == #"[ {"a": [1, "x"]} , 2 ]"#)
        }
        for bad in [#"{"a":1,"a":2}"#, "[1,]", #"["\ud800"]"#] {
            #expect(throws: JSONError.self) {
                try Array(bad.utf8).withUnsafeBytes { raw in
                    var reader = JSONReader(raw)
                    _ = try reader.skip()
                }
            }
        }
    }

    @Test("a copy of a reader is a place to return to")
    func copies() throws {
        try Array("[1,2,3]".utf8).withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            try reader.beginArray()
            _ = try reader.nextElement()
            var scout = reader
            #expect(try scout.number() == .integer(1))
            while try scout.nextElement() { _ = try scout.skip() }
            #expect(try reader.number() == .integer(1))
            #expect(try reader.nextElement())
            #expect(try reader.number() == .integer(2))
        }
    }

    @Test("every prefix of a document is refused, and every byte flipped is read or refused without a trap")
    func damagedDocuments() throws {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud834\udd1e",true,null,{"b":{}}],"é":18446744073709551615}"#.utf8)
        _ = try JSONReader.parse(text)
        for end in 0..<text.count { #expect(throws: JSONError.self) { try JSONReader.parse(Array(text[..<end])) } }
        for place in text.indices {
            for bit in 0..<8 {
                var damaged = text
                damaged[place] ^= 1 << UInt8(bit)
                _ = try? JSONReader.parse(damaged)
            }
        }
    }
}
