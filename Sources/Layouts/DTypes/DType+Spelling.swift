package import Documents

extension DType: CustomStringConvertible {
    /// NumPy's typestring (`<f4`, `|S8`, `<M8[ns]`), `bfloat16`, or for structured types their descr list as JSON.
    public var description: String {
        if case .structured = element {
            var json = JSONWriter()
            write(to: &json)
            return json.finish().text
        }
        return typestring
    }

    /// The same as a buffer of the header spells it: bfloat16 is `<u2` there.
    package var bufferDType: DType { element == .bfloat16 ? DType(.uint16) : self }

    private var typestring: String {
        switch element {
        case .bool: "|b1"
        case .int8: "|i1"
        case .uint8: "|u1"
        case .bfloat16: "bfloat16"
        case .bytes(let count): "|S\(count)"
        case .text(let count): "\(order)U\(count)"
        case .int16, .int32, .int64: "\(order)i\(byteCount)"
        case .uint16, .uint32, .uint64: "\(order)u\(byteCount)"
        case .float16, .float32, .float64: "\(order)f\(byteCount)"
        case .complex64, .complex128: "\(order)c\(byteCount)"
        case .datetime(let unit): "\(order)M8[\(unit)]"
        case .timedelta(let unit): "\(order)m8[\(unit)]"
        case .structured: preconditionFailure("a structured type has no typestring")
        }
    }

    private var order: String { isBigEndian ? ">" : "<" }

    /// Writes the canonical form as a JSON value: a string, or a list of `[name, dtype]` or `[name, dtype, shape]`.
    package func write(to json: inout JSONWriter) {
        guard case .structured(let fields) = element else { return json.string(typestring) }
        json.beginArray()
        for field in fields {
            json.beginArray()
            json.string(field.name)
            field.dtype.write(to: &json)
            if !field.shape.isEmpty { json.shape(field.shape) }
            json.endArray()
        }
        json.endArray()
    }
}

extension JSONWriter {
    /// A list of extents.
    package mutating func shape(_ shape: [Int]) {
        beginArray()
        for extent in shape { integer(Int64(extent)) }
        endArray()
    }
}

extension ByteBuffer {
    /// The bytes as a string; they are known to be UTF-8.
    package var text: String {
        withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
