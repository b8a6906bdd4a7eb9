import Documents
import Layouts

@testable import Representations

/// An array's JSON, and what became of it.
enum Arrays {
    /// Reads JSON as an array of a dtype.
    static func read(_ json: String, _ dtype: String) throws -> PackedArray {
        let dtype = try DType(value(dtype))
        return try read(json, dtype)
    }

    static func read(_ json: String, _ dtype: DType) throws -> PackedArray {
        let bytes = Array(json.utf8)
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { raw.deallocate() }
        raw.copyBytes(from: bytes)
        var reader = JSONReader(UnsafeRawBufferPointer(raw))
        let array = try ArrayJSON.read(&reader, dtype: dtype)
        try reader.finish()
        return array
    }

    /// A dtype's spelling as JSON: itself if it is a list, else a string.
    static func value(_ dtype: String) throws -> JSONValue {
        guard dtype.hasPrefix("[") else { return .string(dtype) }
        return try Array(dtype.utf8).withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            return try reader.value()
        }
    }

    static func json(_ array: borrowing PackedArray, _ options: JSONOptions = JSONOptions()) -> String {
        var text = ByteBuffer()
        ArrayJSON.write(array.base, dtype: array.dtype, shape: array.shape, options: options, to: &text)
        return text.text
    }

    /// An array of packed bytes.
    static func array(_ bytes: [UInt8], _ dtype: String, _ shape: [Int]) throws -> PackedArray {
        let array = try PackedArray(dtype: DType(value(dtype)), shape: shape)
        precondition(bytes.count == array.byteCount, "\(array.byteCount)")
        array.base.copyMemory(from: bytes, byteCount: bytes.count)
        return array
    }
}

extension PackedArray {
    /// Its bytes, copied.
    var copy: [UInt8] { Array(bytes) }
}
