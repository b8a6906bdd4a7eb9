extension JSONReader {
    /// Reads a string.
    package mutating func string() throws(JSONError) -> String {
        skipSpaces()
        guard current == UInt8(ascii: "\"") else { throw unexpected("a string") }
        offset += 1
        let start = offset
        var isPlain = true
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte < 0x20 { throw unexpected("no control character in a string") }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            if byte >= 0x80 { isPlain = false }
            offset += 1
        }
        guard current != nil else { throw unexpected("the end of a string") }
        let text = bytes[start..<offset]
        offset += 1
        if isPlain { return String(decoding: text, as: UTF8.self) }
        guard let valid = String(validating: text, as: UTF8.self) else {
            throw JSONError(kind: .encoding, offset: start, reason: "expected UTF-8 in a string, got other bytes")
        }
        return valid
    }

    /// The slow way, from the first escape on.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<offset])
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte < 0x20 { throw unexpected("no control character in a string") }
            offset += 1
            if byte == UInt8(ascii: "\\") {
                text.append(contentsOf: Array(String(try escape()).utf8))
            } else {
                text.append(byte)
            }
        }
        guard current != nil else { throw unexpected("the end of a string") }
        offset += 1
        guard let valid = String(validating: text, as: UTF8.self) else {
            throw JSONError(kind: .encoding, offset: start, reason: "expected UTF-8 in a string, got other bytes")
        }
        return valid
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let letter = current
        guard letter != nil else { throw unexpected("an escape") }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try codePoint()
        default:
            offset -= 1
            throw unexpected("one of \"\\/bfnrtu behind the backslash")
        }
    }

    /// Four digits, and four more behind `\u` where they are the first half of a pair.
    private mutating func codePoint() throws(JSONError) -> Unicode.Scalar {
        let start = offset
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let lone = JSONError(kind: .surrogate, offset: start, reason: "expected a pair of surrogates, got a lone one")
        guard first < 0xDC00, current == UInt8(ascii: "\\") else { throw lone }
        offset += 1
        guard current == UInt8(ascii: "u") else { throw lone }
        offset += 1
        let second = try fourDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw lone }
        return scalar
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            switch current {
            case .some(let byte) where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
                value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
            case .some(let byte) where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20):
                value = value << 4 | UInt32((byte | 0x20) - UInt8(ascii: "a") + 10)
            default: throw unexpected("four hexadecimal digits")
            }
            offset += 1
        }
        return value
    }
}
