import Testing

@testable import Documents

@Suite struct WriterTests {
    private func text(_ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        body(&json)
        return json.finish().withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test("objects and arrays get their commas")
    func commas() {
        let result = text { json in
            json.beginObject()
            json.key("a" as StaticString)
            json.integer(1)
            json.key("b:\"" as String)
            json.beginArray()
            json.endArray()
            json.key("c" as StaticString)
            json.beginArray()
            json.string("x:")
            json.beginObject()
            json.endObject()
            json.beginArray()
            json.null()
            json.bool(true)
            json.endArray()
            json.unsigned(.max)
            json.double(-0.0)
            json.endArray()
            json.key("d" as StaticString)
            json.raw(#"{"e":1}"#)
            json.key("f" as StaticString)
            json.bool(false)
            json.endObject()
        }
        #expect(
            result == #"{"a":1,"b:\"":[],"c":["x:",{},[null,true],18446744073709551615,-0.0],"d":{"e":1},"f":false}"#
        )
    }

    @Test("text escapes what JSON demands and nothing else")
    func escapes() throws {
        #expect(text { $0.string("\"\\/\u{8}\t\n\u{C}\r") } == #""\"\\/\b\t\n\f\r""#)
        #expect(text { $0.string("\0\u{1}\u{B}\u{1F} \u{7F}") } == "\"\\u0000\\u0001\\u000b\\u001f \u{7F}\"")
        #expect(text { $0.string("é€\u{1D11E}\u{2028}") } == "\"é€\u{1D11E}\u{2028}\"")
        for scalar in (0...0x2FF).compactMap(Unicode.Scalar.init) {
            let string = "a\(Character(scalar))\(Character(scalar))b"
            #expect(try JSONReader.parse(text { $0.string(string) }) == .string(string))
        }
    }

    @Test(
        "a tree is written as it was read",
        arguments: [
            #"{"a":[1,2.5,"x",true,null,{}],"b":{"c":[]}}"#, "[]", "null", "-9223372036854775808",
            "18446744073709551615", #"["\u0001é"]"#,
        ]
    )
    func trees(json: String) throws {
        let value = try JSONReader.parse(json)
        #expect(text { $0.value(value) } == json)
    }

    @Test("a number that no double can hold is written as null")
    func overflow() { #expect(text { $0.value(.array([.number(.overflow)])) } == "[null]") }

    @Test("a buffer grows, and gives its memory away")
    func buffer() {
        var buffer = ByteBuffer(capacity: 1)
        for index in 0..<100_000 { buffer.append(UInt8(truncatingIfNeeded: index)) }
        buffer.append(count: 3) { $0.copyBytes(from: [1, 2, 3]) }
        buffer.append("")
        buffer.append(contentsOf: UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(buffer.count == 100_003)
        let same = buffer.withUnsafeBytes { bytes in
            bytes.prefix(100_000).enumerated().allSatisfy { UInt8(truncatingIfNeeded: $0.offset) == $0.element }
                && bytes.suffix(3).elementsEqual([1, 2, 3])
        }
        #expect(same)
        let bytes = buffer.take()
        #expect(bytes.count == 100_003 && bytes.baseAddress != nil)
        bytes.deallocate()
        #expect(ByteBuffer().take().baseAddress != nil)
    }
}

@Suite struct Base64Tests {
    private func encode(_ bytes: [UInt8]) -> String {
        ByteBuffer.text { buffer in bytes.withUnsafeBytes { buffer.appendBase64($0) } }
    }

    private func decode(_ text: String) -> [UInt8]? {
        var buffer = ByteBuffer()
        guard decodeBase64(text, into: &buffer) else { return nil }
        return buffer.withUnsafeBytes { Array($0) }
    }

    @Test(
        "base64 is that of RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
    )
    func vectors(text: String, code: String) {
        #expect(encode(Array(text.utf8)) == code)
        #expect(decode(code) == Array(text.utf8))
    }

    @Test("bytes of every length and value come back")
    func roundTrip() {
        for count in 0...64 {
            for seed in [0, 85, 171, 255] {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + seed) }
                #expect(decode(encode(bytes)) == bytes)
            }
        }
        #expect(encode([0xFB, 0xFF, 0xBF]) == "+/+/")
        #expect(decode(encode(Array(0...255))) == Array(0...255))
    }

    @Test(
        "what is no padded base64 is refused",
        arguments: [
            "Z", "Zg", "Zg=", "Zm9", "=", "====", "Z===", "Zg==Zg==", "Zg=a", "Zm9v====", "Zm9v\n", "Zm 9", "Zm-_",
            "Zh==", "Zm9=", "Zm\0v", "Zmé", "=Zg=",
        ]
    )
    func invalid(text: String) { #expect(decode(text) == nil) }
}
