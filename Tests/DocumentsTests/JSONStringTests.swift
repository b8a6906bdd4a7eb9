import Documents
import Testing

@Suite struct JSONStringTests {
    @Test("escapes stand for their characters", arguments: escapes)
    func escaped(text: String, expected: String) throws {
        #expect(try tree(text) == .string(expected))
        #expect(try reading(Array(text.utf8)) { try $0.string() }.unicodeScalars.elementsEqual(expected.unicodeScalars))
    }

    private static let escapes: [(String, String)] = [
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u00E9""#, "A\u{E9}\u{E9}"),
        (#""\u0000x""#, "\0x"), (#""\uFFFF\uFEFF\ufffe""#, "\u{FFFF}\u{FEFF}\u{FFFE}"),
        (#""\uD83D\uDE00""#, "\u{1F600}"), (#""\uD800\uDC00\uDBFF\uDFFF""#, "\u{10000}\u{10FFFF}"),
        (#""\uD7FF\uE000""#, "\u{D7FF}\u{E000}"), (#""ä\n€""#, "ä\n€"), (#""\u0022\u005c""#, "\"\\"),
        (
            "\"\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\"",
            "\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}"
        ),
        ("\"a long text, without a single escape: ß\"", "a long text, without a single escape: ß"),
    ]

    @Test("a string with a fault is refused at the fault", arguments: faults)
    func faulty(text: String, kind: JSONError.Kind, offset: Int) {
        let errors = [
            #expect(throws: JSONError.self) { try reading(Array(text.utf8)) { try $0.string() } },
            #expect(throws: JSONError.self) { try skip(Array(text.utf8)) },
        ]
        for error in errors {
            #expect(error?.kind == kind && error?.offset == offset, "\(String(describing: error))")
        }
    }

    private static let faults: [(String, JSONError.Kind, Int)] = [
        ("\"", .syntax, 1), ("\"abc", .syntax, 4), ("\"a\\", .syntax, 3), ("\"a\\\"", .syntax, 4),
        ("\"a\nb\"", .syntax, 2),
        ("\"\0\"", .syntax, 1), ("\"\t\"", .syntax, 1), ("\"\\n\u{1F}\"", .syntax, 3), (#""\a""#, .syntax, 2),
        (#""\'""#, .syntax, 2), (#""\x41""#, .syntax, 2), (#""\U0041""#, .syntax, 2), (#""\u""#, .syntax, 3),
        (#""\u004""#, .syntax, 6), (#""\u00g0""#, .syntax, 5), (#""\u+041""#, .syntax, 3), (#""\u 041""#, .syntax, 3),
        (#""\u00"#, .syntax, 5), (#""\uD800""#, .surrogate, 1), (#""ab\uDC00""#, .surrogate, 3),
        (#""\uD800\n""#, .surrogate, 1), (#""\uD800x""#, .surrogate, 1), (#""\uD800\uD800""#, .surrogate, 1),
        (#""\uD800\u0041""#, .surrogate, 1), (#""\uDFFF\uD800""#, .surrogate, 1), (#""\uD83D\u""#, .syntax, 9),
        (#""\uD83D"#, .surrogate, 1),
    ]

    @Test(
        "bytes that are not UTF-8 are refused at the first of them",
        arguments: [
            [0x80], [0xBF], [0xFE], [0xFF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]]
    )
    func invalidUTF8(bytes: [UInt8]) {
        // Behind plain text, behind an escape, and as a name.
        for (front, back) in [("\"abc", "\""), ("\"a\\n", "\""), ("{\"ä", "\":1}"), ("[\"a", "ä\"]")] {
            let text = Array(front.utf8) + bytes + Array(back.utf8)
            for error in [
                #expect(throws: JSONError.self) { try reading(text) { try $0.value() } },
                #expect(throws: JSONError.self) { try skip(text) },
            ] {
                #expect(error?.kind == .encoding && error?.offset == front.utf8.count, "\(String(describing: error))")
            }
        }
    }

    @Test("a half escape at the end of memory is refused without a look beyond it")
    func ends() {
        let whole = Array(#"{"aä\n\uD83D\uDE00":[1.5e-3,true,null,"x"]}"#.utf8)
        #expect(throws: Never.self) { try skip(whole) }
        for end in whole.indices {
            // Memory of exactly this size, so that the address sanitizer sees a look beyond.
            let part = Array(whole[..<end])
            #expect(throws: JSONError.self) { try skip(part) }
            #expect(throws: JSONError.self) { try reading(part) { try $0.value() } }
        }
    }

    @Test("written text has escapes only where JSON demands them")
    func written() {
        #expect(text { $0.appendJSON("") } == #""""#)
        let plain = "/ä€\u{1F600}\u{7F}\u{2028}"
        #expect(text { $0.appendJSON("a\"b\\c\(plain)") } == "\"a\\\"b\\\\c\(plain)\"")
        #expect(text { $0.appendJSON("\u{8}\u{9}\u{A}\u{C}\u{D}") } == #""\b\t\n\f\r""#)
        #expect(text { $0.appendJSON("\0\u{1}\u{B}\u{1F}x") } == #""\u0000\u0001\u000b\u001fx""#)
        let bytes = Array("\"ä\n".utf8)
        #expect(text { buffer in bytes.withUnsafeBytes { buffer.appendJSON(utf8: $0) } } == #""\"ä\n""#)
        #expect(text { $0.appendJSON(utf8: UnsafeRawBufferPointer(start: nil, count: 0)) } == #""""#)
    }

    @Test("every scalar up to U+FFFF and some beyond come back from text that was written")
    func roundTrip() throws {
        let scalars = (Array(0...0xFFFF) + Array(stride(from: 0x10000, through: 0x10FFFF, by: 4_095)))
            .compactMap { Unicode.Scalar(UInt32($0)) }
        var all = String.UnicodeScalarView()
        for scalar in scalars { all.append(scalar) }
        let written = text { $0.appendJSON(String(all)) }
        guard case .string(let back) = try tree(written) else { return #expect(Bool(false), "expected a string") }
        #expect(back.unicodeScalars.elementsEqual(all))
    }
}
