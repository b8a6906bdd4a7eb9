/// Writes objects and arrays, and puts the commas.
package struct JSONWriter: ~Copyable {
    /// The text so far; one value may be appended to it raw behind a ``key(_:)-(StaticString)``.
    package var buffer: ByteBuffer
    private var needsComma = false

    /// An empty document.
    package init(capacity: Int = 256) { buffer = ByteBuffer(capacity: capacity) }

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
        beginValue()
        buffer.appendJSON(text)
    }

    /// Writes an integer.
    package mutating func integer(_ value: Int64) {
        beginValue()
        buffer.appendDecimal(value)
    }

    /// Writes an integer.
    package mutating func unsigned(_ value: UInt64) {
        beginValue()
        buffer.appendDecimal(value)
    }

    /// Writes a finite number.
    package mutating func double(_ value: Double) {
        beginValue()
        buffer.appendDecimal(value)
    }

    /// Writes a truth value.
    package mutating func bool(_ value: Bool) {
        beginValue()
        if value { buffer.append("true") } else { buffer.append("false") }
    }

    /// Writes null.
    package mutating func null() {
        beginValue()
        buffer.append("null")
    }

    /// Writes text that is JSON already, as one value.
    package mutating func raw(_ json: String) {
        beginValue()
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
        case .number(.double(let number)): double(number)
        case .bool(let flag): bool(flag)
        case .null, .number(.overflow): null()
        }
    }

    /// Ends the document.
    package consuming func finish() -> ByteBuffer { buffer }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        needsComma = false
        buffer.append(bracket)
    }

    private mutating func end(_ bracket: UInt8) {
        buffer.append(bracket)
        needsComma = true
    }

    private mutating func beginValue() {
        separate()
        needsComma = true
    }

    /// A comma where a value or member stands before; after a key there is none, so the key sets the mark back.
    private mutating func separate() {
        if needsComma, !endsWithColon { buffer.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private var endsWithColon: Bool { buffer.withUnsafeBytes { $0.last == UInt8(ascii: ":") } }
}
