/// Writes objects and arrays, and puts the commas.
package struct JSONWriter: ~Copyable {
    /// The text so far; values may be appended to it raw, and whoever appends several puts the commas between them.
    package var buffer: ByteBuffer
    private var depth = 0

    /// An empty document.
    package init(capacity: Int = 256) { buffer = ByteBuffer(capacity: capacity) }

    /// An empty document in an empty buffer.
    package init(_ buffer: consuming ByteBuffer) { self.buffer = buffer }

    /// Opens an object.
    package mutating func beginObject() { begin(UInt8(ascii: "{")) }
    /// Closes an object.
    package mutating func endObject() { end(UInt8(ascii: "}")) }
    /// Opens an array.
    package mutating func beginArray() { begin(UInt8(ascii: "[")) }
    /// Closes an array.
    package mutating func endArray() { end(UInt8(ascii: "]")) }

    /// Writes the name of a member that needs no escape.
    package mutating func key(_ name: StaticString) {
        separate()
        buffer.append(UInt8(ascii: "\""))
        buffer.append(name)
        buffer.append("\":")
    }

    /// Writes the name of a member.
    package mutating func key(_ name: String) {
        separate()
        buffer.appendJSON(name)
        buffer.append(UInt8(ascii: ":"))
    }

    /// Writes a string.
    package mutating func string(_ text: String) {
        separate()
        buffer.appendJSON(text)
    }

    /// Writes an integer.
    package mutating func integer(_ value: Int64) {
        separate()
        buffer.appendDecimal(value)
    }

    /// Writes an integer.
    package mutating func unsigned(_ value: UInt64) {
        separate()
        buffer.appendDecimal(value)
    }

    /// Writes a finite number, so that it stays a float.
    package mutating func double(_ value: Double) {
        separate()
        buffer.appendDecimal(value)
    }

    /// Writes a truth value.
    package mutating func bool(_ value: Bool) {
        separate()
        if value { buffer.append("true") } else { buffer.append("false") }
    }

    /// Writes null.
    package mutating func null() {
        separate()
        buffer.append("null")
    }

    /// Writes bytes that are JSON already, as one value.
    package mutating func raw(_ json: UnsafeRawBufferPointer) {
        separate()
        buffer.append(contentsOf: json)
    }

    /// Writes text that is JSON already, as one value.
    package mutating func raw(_ json: String) {
        separate()
        buffer.append(json)
    }

    /// Writes a tree; a number that no double can hold becomes null.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .object(let object):
            beginObject()
            for member in object.members {
                key(member.name)
                self.value(member.value)
            }
            endObject()
        case .array(let items):
            beginArray()
            for item in items { self.value(item) }
            endArray()
        case .string(let text): string(text)
        case .number(.integer(let number)): integer(number)
        case .number(.unsigned(let number)): unsigned(number)
        case .number(.double(let number)) where number.isFinite: double(number)
        case .bool(let flag): bool(flag)
        case .null, .number: null()
        }
    }

    /// Ends the document and gives its bytes to the caller; all that was opened must be closed.
    package consuming func finish() -> ByteBuffer {
        precondition(depth == 0, "a document ends with everything closed that was opened in it")
        return buffer
    }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        buffer.append(bracket)
        depth += 1
    }

    private mutating func end(_ bracket: UInt8) {
        precondition(depth > 0, "only what was opened can be closed")
        buffer.append(bracket)
        depth -= 1
    }

    /// Puts a comma behind a value; the last byte tells, also of values that were appended raw.
    private mutating func separate() {
        switch buffer.last {
        case nil, UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ":"), UInt8(ascii: ","): break
        default: buffer.append(UInt8(ascii: ","))
        }
    }
}
