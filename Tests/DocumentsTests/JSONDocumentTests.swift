import Documents
import Testing

@Suite struct JSONDocumentTests {
    @Test("a valid document is read as the tree that it spells, and passed whole", arguments: valid)
    func accepted(text: String, expected: JSONValue) throws {
        #expect(try tree(text) == expected)
        let range = try skip(Array(text.utf8))
        let value = String(decoding: Array(text.utf8)[range], as: UTF8.self)
        #expect(try tree(value) == expected, "the place that skip gives holds the value")
        #expect(value.first.map { !$0.isWhitespace } == true && value.last.map { !$0.isWhitespace } == true)
    }

    private static let valid: [(String, JSONValue)] = [
        ("null", .null), ("true", .bool(true)), ("false", .bool(false)), ("\"\"", .string("")),
        (" \t\r\n null \t\r\n", .null), ("0", .number(.integer(0))), ("[]", .array([])), ("[ ]", .array([])),
        ("{}", .object(JSONObject())), ("{ \n}", .object(JSONObject())),
        ("[[],[[]]]", .array([.array([]), .array([.array([])])])),
        ("[1 , 2]", .array([.number(.integer(1)), .number(.integer(2))])),
        ("[{},null]", .array([.object(JSONObject()), .null])),
        ("{\"\":0}", .object(JSONObject(members: [.init(name: "", value: .number(.integer(0)))]))),
        (
            "{\"b\" : [true] , \"a\":{\"b\":\"x\"}}",
            .object(
                JSONObject(members: [
                    .init(name: "b", value: .array([.bool(true)])),
                    .init(name: "a", value: .object(JSONObject(members: [.init(name: "b", value: .string("x"))]))),
                ])
            )
        ),
    ]

    @Test("an invalid document is refused with its fault and its place, when read and when passed", arguments: invalid)
    func refused(text: String, kind: JSONError.Kind, offset: Int) {
        for error in [
            #expect(throws: JSONError.self) { try tree(text) },
            #expect(throws: JSONError.self) { try skip(Array(text.utf8)) },
        ] {
            #expect(error?.kind == kind && error?.offset == offset, "\(String(describing: error))")
            #expect(error?.description.hasSuffix("at byte \(offset)") == true)
        }
    }

    private static let invalid: [(String, JSONError.Kind, Int)] = [
        ("", .syntax, 0), ("  ", .syntax, 2), ("\u{FEFF}1", .syntax, 0), ("\u{A0}1", .syntax, 0),
        ("\u{B}1", .syntax, 0),
        ("nul", .syntax, 3), ("nulL", .syntax, 3), ("True", .syntax, 0), ("truE", .syntax, 3), ("fals", .syntax, 4),
        ("NaN", .syntax, 0), ("Infinity", .syntax, 0), ("-Infinity", .syntax, 1), ("undefined", .syntax, 0),
        ("1 2", .trailing, 2), ("nullx", .trailing, 4), ("[]]", .trailing, 2), ("{}{}", .trailing, 2),
        ("1 // one", .trailing, 2), ("1,", .trailing, 1), ("[1/*one*/]", .syntax, 2), ("\"a\"\0", .trailing, 3),
        ("[", .syntax, 1), ("[1", .syntax, 2), ("[1,", .syntax, 3), ("[1,]", .syntax, 3), ("[,1]", .syntax, 1),
        ("[1,,2]", .syntax, 3), ("[1 2]", .syntax, 3), ("[1}", .syntax, 2), ("]", .syntax, 0),
        ("[\"a\":1]", .syntax, 4),
        ("{", .syntax, 1), ("{]", .syntax, 1), ("{1:2}", .syntax, 1), ("{a:2}", .syntax, 1), ("{'a':2}", .syntax, 1),
        ("{\"a\"}", .syntax, 4), ("{\"a\" 1}", .syntax, 5), ("{\"a\":}", .syntax, 5), ("{\"a\":1,}", .syntax, 7),
        ("{\"a\":1 \"b\":2}", .syntax, 7), ("{,}", .syntax, 1), ("{\"a\"::1}", .syntax, 5), ("{\"a\":1", .syntax, 6),
        ("{\"a\":1]", .syntax, 6), ("{null:1}", .syntax, 1),
    ]

    @Test("a call for something else than what comes says what was expected and what came")
    func reasons() {
        let cases: [(String, (inout JSONReader) throws -> Void, String)] = [
            ("{}", { try $0.beginArray() }, "expected an array, got '{' at byte 0"),
            (" []", { try $0.beginObject() }, "expected an object, got '[' at byte 1"),
            ("1", { _ = try $0.string() }, "expected a string, got '1' at byte 0"),
            ("\"1\"", { _ = try $0.number() }, "expected a digit, got '\"' at byte 0"),
            ("null", { _ = try $0.bool() }, "expected true or false, got 'n' at byte 0"),
            ("true", { try $0.null() }, "expected null, got 't' at byte 0"),
            ("", { _ = try $0.peek() }, "expected a value, got the end of the document at byte 0"),
            ("\u{1}", { _ = try $0.peek() }, "expected a value, got the byte 1 at byte 0"),
            (" x", { try $0.finish() }, "expected the end of the document, got 'x' at byte 1"),
        ]
        for (text, body, reason) in cases {
            let error = #expect(throws: JSONError.self) { try reading(Array(text.utf8), body) }
            #expect(error?.description == reason)
        }
    }

    @Test("a copy of a reader is a place to return to")
    func copies() throws {
        try reading(Array("{\"a\":[1,{\"b\":2}],\"c\":3}".utf8)) { reader in
            try reader.beginObject()
            #expect(try reader.nextKey() == "a")
            let place = reader
            #expect(try reader.skip() == 5..<16)
            #expect(try reader.nextKey() == "c")
            reader = place
            #expect(try reader.value() == tree("[1,{\"b\":2}]"))
            #expect(try reader.nextKey() == "c")
            #expect(try reader.number() == .integer(3))
            #expect(try reader.nextKey() == nil)
            #expect(reader.offset == 23)
            try reader.finish()
        }
    }

    @Test("each kind of value is told without being read")
    func kinds() throws {
        for (text, kind) in [
            ("{}", JSONReader.Kind.object), ("[]", .array), ("\"\"", .string), ("-1", .number), ("7", .number),
            ("true", .bool), ("false", .bool), (" null", .null),
        ] {
            try reading(Array(text.utf8)) { reader in
                #expect(try reader.peek() == kind && reader.peek() == kind)
                _ = try reader.skip()
                try reader.finish()
            }
        }
    }
}
