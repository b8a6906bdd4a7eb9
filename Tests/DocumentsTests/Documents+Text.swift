import Documents

/// Runs `body` with a reader at the front of a text.
func reading<R>(
    _ text: [UInt8],
    maximumDepth: Int = 128,
    _ body: (inout JSONReader) throws -> R
) throws -> R {
    try text.withUnsafeBytes { bytes in
        var reader = JSONReader(bytes, maximumDepth: maximumDepth)
        return try body(&reader)
    }
}

/// Reads a document that is one value.
func tree(_ text: String, maximumDepth: Int = 128) throws -> JSONValue {
    try reading(Array(text.utf8), maximumDepth: maximumDepth) { reader in
        let value = try reader.value()
        try reader.finish()
        return value
    }
}

/// Passes a document that is one value and gives its place.
func skip(_ text: [UInt8], maximumDepth: Int = 128) throws -> Range<Int> {
    try reading(text, maximumDepth: maximumDepth) { reader in
        let range = try reader.skip()
        try reader.finish()
        return range
    }
}

/// Reads a document that is one number.
func number(_ text: String) throws -> JSONNumber {
    try reading(Array(text.utf8)) { reader in
        let number = try reader.number()
        try reader.finish()
        return number
    }
}

/// What `body` appends to an empty buffer.
func text(_ body: (inout ByteBuffer) -> Void) -> String {
    var buffer = ByteBuffer()
    body(&buffer)
    return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

/// What `body` writes as a document.
func document(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    body(&writer)
    let buffer = writer.finish()
    return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}
