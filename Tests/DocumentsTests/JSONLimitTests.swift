import Documents
import Testing

@Suite struct JSONLimitTests {
    @Test("a document may be as deep as the limit and no deeper", arguments: [1, 2, 64, 128])
    func depth(limit: Int) throws {
        let fits = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        #expect(throws: Never.self) { try tree(fits, maximumDepth: limit) }
        #expect(throws: Never.self) { try skip(Array(fits.utf8), maximumDepth: limit) }
        for tooDeep in ["[" + fits + "]", String(repeating: "{\"a\":", count: limit) + "[]"] {
            for error in [
                #expect(throws: JSONError.self) { try tree(tooDeep, maximumDepth: limit) },
                #expect(throws: JSONError.self) { try skip(Array(tooDeep.utf8), maximumDepth: limit) },
            ] {
                #expect(error?.kind == .depth)
            }
        }
    }

    @Test("a hundred thousand brackets are refused at the limit", arguments: ["[", "{\"a\":", "[{\"a\":"])
    func brackets(opening: String) throws {
        let text = String(repeating: opening, count: 100_000)
        #expect(throws: JSONError.self) { try tree(text) }
        let error = #expect(throws: JSONError.self) { try skip(Array(text.utf8)) }
        #expect(error?.kind == .depth)
        #expect(error?.reason == "expected at most 128 levels, got more")
    }

    @Test("containers that were left do not count as depth")
    func siblings() throws {
        let text = "[" + Array(repeating: "[{}]", count: 1_000).joined(separator: ",") + "]"
        #expect(throws: Never.self) { try skip(Array(text.utf8), maximumDepth: 3) }
    }

    @Test(
        "a name that occurs twice in an object is refused, however it is spelled",
        arguments: [
            ("{\"a\":1,\"a\":1}", 7), ("{\"a\":1,\"b\":2,\"\\u0061\":3}", 13), ("{\"\":1,\"\":2}", 6),
            ("[{\"x\":{\"a\":1,\"a\":2}}]", 13), ("{\"\\/\":1,\"/\":2}", 8), ("{\"ä\":1,\"\\u00e4\":2}", 8),
        ]
    )
    func duplicates(text: String, offset: Int) {
        for error in [
            #expect(throws: JSONError.self) { try tree(text) },
            #expect(throws: JSONError.self) { try skip(Array(text.utf8)) },
        ] {
            #expect(error?.kind == .duplicateKey && error?.offset == offset, "\(String(describing: error))")
        }
    }

    @Test("names in different objects, and names of different bytes that look alike, may stand together")
    func lookalikes() throws {
        #expect(throws: Never.self) { try tree("{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}") }
        let value = try tree("{\"\\u00e9\":1,\"e\\u0301\":2}")
        guard case .object(let object) = value else { return #expect(Bool(false), "expected an object") }
        #expect(object["\u{E9}"] == .number(.integer(1)))
        #expect(object["e\u{301}"] == .number(.integer(2)))
        #expect(object["e"] == nil)
    }

    @Test(
        "a hundred thousand names are told apart, and a second of any of them is found",
        arguments: [0, 31, 32, 99_999]
    )
    func manyNames(again: Int) throws {
        let members = (0..<100_000).map { "\"name \($0)\":0" }.joined(separator: ",")
        #expect(throws: Never.self) { try skip(Array("{\(members)}".utf8)) }
        let again = "{\(members),\"name \(again)\":0}"
        let error = #expect(throws: JSONError.self) { try skip(Array(again.utf8)) }
        #expect(error?.kind == .duplicateKey && error?.offset == members.utf8.count + 2)
    }
}
