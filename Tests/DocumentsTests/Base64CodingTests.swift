import Documents
import Testing

@Suite struct Base64CodingTests {
    @Test(
        "the vectors of RFC 4648 hold in both directions",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
    )
    func vectors(plain: String, encoded: String) {
        let bytes = Array(plain.utf8)
        #expect(text { buffer in bytes.withUnsafeBytes { buffer.appendBase64($0) } } == encoded)
        #expect(decoded(encoded) == bytes)
    }

    @Test("all bytes at all lengths come back")
    func roundTrip() {
        let all = (0..<1_024).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 3) } + Array(0...255)
        for count in [0, 1, 2, 3, 4, 5, 255, 256, 257, 1_280] {
            let bytes = Array(all.suffix(count))
            let encoded = text { buffer in bytes.withUnsafeBytes { buffer.appendBase64($0) } }
            #expect(encoded.utf8.count == (count + 2) / 3 * 4)
            #expect(decoded(encoded) == bytes)
        }
        #expect(decoded("+/+/") == [0xFB, 0xFF, 0xBF])
    }

    @Test(
        "what is not padded base64 of the standard alphabet is refused, and nothing is appended",
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "====", "===", "=", "Z===", "Zg==Zg==", "Zm9v=", "Zm9=v", "Z=g=", "=Zg=",
            "Zm9vZg=",
            "Zh==", "Zm9=", "Zm9vYmF=x", "-_-_", "Zm 9", "Zm9v\n", "\nZm9", "Zm9\0", "Zm9ä", "ääää", "Zm9vYg=!", "A=AA",
            "!Zm9", "Zm9v!Zm9", "AA=A", "AB==",
        ]
    )
    func refused(encoded: String) {
        var buffer = ByteBuffer()
        buffer.append("kept")
        #expect(!decodeBase64(encoded, into: &buffer))
        #expect(buffer.count == 4)
    }

    private func decoded(_ encoded: String) -> [UInt8]? {
        var buffer = ByteBuffer()
        buffer.append("x")
        guard decodeBase64(encoded, into: &buffer) else { return nil }
        return buffer.withUnsafeBytes { Array($0.dropFirst()) }
    }
}
