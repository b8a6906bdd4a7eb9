import Testing

@testable import Segments

@Suite struct SegmentNameTests {
    @Test(
        "a name of 1 to 200 bytes of the alphabet is taken as it is",
        arguments: [
            "a", "Z", "0", "_", "-", "a.b", "a..", "-rf", "_.-", "prices-2024_01.v2",
            String(repeating: "x", count: 200),
        ]
    )
    func allowed(text: String) throws {
        #expect(try SegmentName(text).description == text)
        let bytes = Array(text.utf8)
        #expect(try bytes.withUnsafeBytes { try SegmentName(utf8: $0).description } == text)
    }

    @Test(
        "a name that breaks the rule is refused with what is wrong",
        arguments: [
            ("", "1 to 200 bytes"), (String(repeating: "x", count: 201), "this one has 201"), (".", "a dot"),
            ("..", "a dot"), (".hidden", "a dot"), ("a/b", "byte 47 at position 1"), ("/a", "byte 47 at position 0"),
            ("a b", "byte 32 at position 1"), ("a\0", "byte 0 at position 1"), ("a\n", "byte 10 at position 1"),
            ("ä", "byte 195 at position 0"), ("a%2F", "byte 37 at position 1"), ("a~", "byte 126"), ("a@", "byte 64"),
            ("a[", "byte 91"), ("a`", "byte 96"), ("a{", "byte 123"), ("a:", "byte 58"),
        ]
    )
    func refused(text: String, problem: String) throws {
        let error = #expect(throws: SegmentError.self) { try SegmentName(text) }
        guard case .invalidName(let reason) = error else {
            Issue.record("expected invalidName, got \(String(describing: error))")
            return
        }
        #expect(reason.contains(problem))
    }

    @Test("every byte is either in the alphabet or refused")
    func everyByte() throws {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-".utf8)
        for byte in UInt8.min...UInt8.max {
            let name = try? [UInt8(ascii: "a"), byte].withUnsafeBytes { try SegmentName(utf8: $0) }
            #expect((name != nil) == alphabet.contains(byte), "byte \(byte)")
        }
    }

    @Test("names are ordered by their bytes")
    func order() throws {
        let names = try ["b", "a.b", "a-b", "a", "B", "a_b"].map { try SegmentName($0) }
        #expect(names.sorted().map(\.description) == ["B", "a", "a-b", "a.b", "a_b", "b"])
    }
}
