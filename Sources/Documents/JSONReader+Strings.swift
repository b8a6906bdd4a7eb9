extension JSONReader {
    /// Reads a string, with its escapes undone.
    package mutating func string() throws(JSONError) -> String {
        skipSpaces()
        let start = offset + 1
        let hasEscapes = try skipString()
        let text = UnsafeRawBufferPointer(rebasing: bytes[start..<(offset - 1)])
        return hasEscapes ? try Self.unescaped(text) : String(decoding: text, as: UTF8.self)
    }

    /// Passes a string and checks all of it; tells whether it has escapes.
    mutating func skipString() throws(JSONError) -> Bool {
        guard current == UInt8(ascii: "\"") else { throw unexpected("a string") }
        offset += 1
        let start = offset
        var hasEscapes = false
        var isASCII = true
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte < 0x20 { throw unexpected("no control character in a string") }
            offset += 1
            if byte >= 0x80 { isASCII = false }
            if byte == UInt8(ascii: "\\") {
                _ = try escape()
                hasEscapes = true
            }
        }
        guard current != nil else { throw unexpected("the end of a string") }
        if !isASCII { try checkUTF8(start..<offset) }
        offset += 1
        return hasEscapes
    }

    private func checkUTF8(_ range: Range<Int>) throws(JSONError) {
        let text = UnsafeRawBufferPointer(rebasing: bytes[range]).assumingMemoryBound(to: UInt8.self)
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text.span)
        } catch {
            let offset = range.lowerBound + error.byteOffsets.lowerBound
            throw JSONError(kind: .encoding, offset: offset, reason: "expected UTF-8, got the byte \(bytes[offset])")
        }
    }

    /// The text of a string that was checked before.
    private static func unescaped(_ text: UnsafeRawBufferPointer) throws(JSONError) -> String {
        var part = JSONReader(text)
        var plain: [UInt8] = []
        plain.reserveCapacity(text.count)
        while let byte = part.current {
            part.offset += 1
            if byte == UInt8(ascii: "\\") {
                plain.append(contentsOf: try part.escape().utf8)
            } else {
                plain.append(byte)
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }

    /// What stands behind a backslash.
    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let scalar: Unicode.Scalar
        switch current {
        case UInt8(ascii: "\""): scalar = "\""
        case UInt8(ascii: "\\"): scalar = "\\"
        case UInt8(ascii: "/"): scalar = "/"
        case UInt8(ascii: "b"): scalar = "\u{8}"
        case UInt8(ascii: "f"): scalar = "\u{C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "u"): return try codePoint()
        default: throw unexpected("one of \"\\/bfnrtu behind the backslash")
        }
        offset += 1
        return scalar
    }

    /// `u` and four digits, and another such escape where they are the first half of a surrogate pair.
    private mutating func codePoint() throws(JSONError) -> Unicode.Scalar {
        let start = offset - 1
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let lone = JSONError(kind: .surrogate, offset: start, reason: "expected a pair of surrogates, got a lone one")
        guard first < 0xDC00, current == UInt8(ascii: "\\") else { throw lone }
        offset += 1
        guard current == UInt8(ascii: "u") else { throw lone }
        let second = try codeUnit()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw lone }
        return scalar
    }

    private mutating func codeUnit() throws(JSONError) -> UInt32 {
        offset += 1
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Self.hexadecimal(byte) else {
                throw unexpected("four hexadecimal digits")
            }
            value = value << 4 | digit
            offset += 1
        }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
