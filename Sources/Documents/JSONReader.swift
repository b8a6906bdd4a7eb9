/// A strict pull parser (RFC 8259) over bytes that it does not own.
///
/// UTF-8 is checked, lone surrogates and names that occur twice are refused, and a document may not nest deeper than
/// the limit. A copy of a reader is a place to return to.
package struct JSONReader {
    /// What the next value is.
    package enum Kind: Sendable {
        case object
        case array
        case string
        case number
        case bool
        case null
    }

    let bytes: UnsafeRawBufferPointer
    /// The next byte to be read.
    package internal(set) var offset = 0
    private let maximumDepth: Int
    private var depth = 0
    /// Whether the container that was entered last has given nothing yet.
    var isFirst = false
    private var keys: [KeySet] = []

    /// A reader at the front of a document.
    package init(_ bytes: UnsafeRawBufferPointer, maximumDepth: Int = 128) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    /// The size of the document.
    package var byteCount: Int { bytes.count }

    /// Tells the kind of the next value without reading it.
    package mutating func peek() throws(JSONError) -> Kind {
        skipSpaces()
        guard let byte = current else { throw unexpected("a value") }
        switch byte {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw unexpected("a value")
        }
    }

    /// Enters an array.
    package mutating func beginArray() throws(JSONError) { try enter(UInt8(ascii: "["), "an array") }

    /// Goes to the next element; false when the array has ended and was left.
    package mutating func nextElement() throws(JSONError) -> Bool {
        try next(closing: UInt8(ascii: "]"), "a comma or the end of the array")
    }

    /// Enters an object.
    package mutating func beginObject() throws(JSONError) {
        try enter(UInt8(ascii: "{"), "an object")
        keys.append(KeySet())
    }

    /// Goes to the next member and gives its name; nil when the object has ended and was left.
    package mutating func nextKey() throws(JSONError) -> String? {
        guard try next(closing: UInt8(ascii: "}"), "a comma or the end of the object") else {
            keys.removeLast()
            return nil
        }
        skipSpaces()
        let start = offset
        guard current == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
        let key = try string()
        if !keys[keys.count - 1].insert(key) {
            throw JSONError(kind: .duplicateKey, offset: start, reason: "the name \"\(key)\" occurs twice in an object")
        }
        skipSpaces()
        guard current == UInt8(ascii: ":") else { throw unexpected("a colon") }
        offset += 1
        return key
    }

    /// Reads true or false.
    package mutating func bool() throws(JSONError) -> Bool {
        skipSpaces()
        switch current {
        case UInt8(ascii: "t"):
            try word("true")
            return true
        case UInt8(ascii: "f"):
            try word("false")
            return false
        default: throw unexpected("true or false")
        }
    }

    /// Reads null.
    package mutating func null() throws(JSONError) {
        skipSpaces()
        try word("null")
    }

    /// Reads a whole value and gives its place in the bytes; everything in it is checked.
    package mutating func skip() throws(JSONError) -> Range<Int> {
        let kind = try peek()
        let start = offset
        switch kind {
        case .object:
            try beginObject()
            while try nextKey() != nil { _ = try skip() }
        case .array:
            try beginArray()
            while try nextElement() { _ = try skip() }
        case .string: _ = try skipString()
        case .number: try skipNumber()
        case .bool: _ = try bool()
        case .null: try null()
        }
        return start..<offset
    }

    /// Reads a whole value as a tree.
    package mutating func value() throws(JSONError) -> JSONValue {
        switch try peek() {
        case .object:
            var object = JSONObject()
            try beginObject()
            while let name = try nextKey() {
                object.members.append(JSONObject.Member(name: name, value: try value()))
            }
            return .object(object)
        case .array:
            var items: [JSONValue] = []
            try beginArray()
            while try nextElement() { items.append(try value()) }
            return .array(items)
        case .string: return .string(try string())
        case .number: return .number(try number())
        case .bool: return .bool(try bool())
        case .null:
            try null()
            return .null
        }
    }

    /// Checks that nothing stands behind the value.
    package mutating func finish() throws(JSONError) {
        skipSpaces()
        if offset < bytes.count {
            throw unexpected("the end of the document", kind: .trailing)
        }
    }

    /// A part of the document, for error messages; what is no UTF-8 in it is replaced.
    package func text(in range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// The next byte, or nil at the end.
    @inline(__always)
    var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    @inline(__always)
    mutating func skipSpaces() {
        var next = offset
        skipSpaces(from: &next)
        offset = next
    }

    @inline(__always)
    func skipSpaces(from next: inout Int) {
        while next < bytes.count {
            let byte = bytes[next]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            next += 1
        }
    }

    /// The error of meeting something else, here or at another byte.
    func unexpected(_ what: String, at place: Int? = nil, kind: JSONError.Kind = .syntax) -> JSONError {
        let place = place ?? offset
        let got: String
        switch place < bytes.count ? bytes[place] : nil {
        case .none: got = "the end of the document"
        case .some(let byte) where (0x21...0x7E).contains(byte): got = "'\(Character(Unicode.Scalar(byte)))'"
        case .some(let byte): got = "the byte \(byte)"
        }
        return JSONError(kind: kind, offset: place, reason: "expected \(what), got \(got)")
    }

    /// Whether a container may begin here.
    var hasRoomBelow: Bool { depth < maximumDepth }

    private mutating func enter(_ bracket: UInt8, _ what: String) throws(JSONError) {
        skipSpaces()
        guard current == bracket else { throw unexpected(what) }
        guard hasRoomBelow else {
            throw JSONError(kind: .depth, offset: offset, reason: "expected at most \(maximumDepth) levels, got more")
        }
        offset += 1
        depth += 1
        isFirst = true
    }

    @inline(__always)
    private mutating func next(closing bracket: UInt8, _ what: StaticString) throws(JSONError) -> Bool {
        skipSpaces()
        if current == bracket {
            offset += 1
            depth -= 1
            isFirst = false
            return false
        }
        if isFirst {
            isFirst = false
            return true
        }
        guard current == UInt8(ascii: ",") else { throw unexpected("\(what)") }
        offset += 1
        skipSpaces()
        if current == bracket { throw unexpected("a value behind the comma") }
        return true
    }

    private mutating func word(_ word: StaticString) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard current == word.utf8Start[index] else { throw unexpected("\(word)") }
            offset += 1
        }
    }
}
