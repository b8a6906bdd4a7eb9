internal import Documents
package import Layouts

/// NumPy's file format for one array.
///
/// | bytes | meaning |
/// |---|---|
/// | 6 | `\x93NUMPY` |
/// | 2 | version 1.0, 2.0 or 3.0 |
/// | 2, from version 2 on 4 | length of the header |
/// | | a Python dictionary with `descr`, `fortran_order`, `shape`; spaces; a newline |
/// | | the elements |
package enum Npy {
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// The bytes before the elements; a multiple of 64.
    package static func header(dtype: DType, shape: [Int]) -> [UInt8] {
        let text = "{'descr': \(literal(dtype.bufferDType)), 'fortran_order': False, 'shape': \(tuple(shape)), }"
        // As NumPy: Latin-1 if that can be, and only what it cannot is UTF-8.
        let isLatin1 = text.unicodeScalars.allSatisfy { $0.value < 256 }
        let encoded = isLatin1 ? text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } : Array(text.utf8)
        let isShort = 10 + encoded.count + 1 <= 65_535 + 10 - 64
        let version: UInt8 = !isLatin1 ? 3 : isShort ? 1 : 2
        let prefix = version == 1 ? 10 : 12
        let total = (prefix + encoded.count + 1 + 63) / 64 * 64
        var bytes = magic + [version, 0]
        let length = total - prefix
        for index in 0..<(prefix - 8) { bytes.append(UInt8(truncatingIfNeeded: length >> (8 * index))) }
        bytes += encoded
        bytes += [UInt8](repeating: UInt8(ascii: " "), count: total - bytes.count - 1)
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// The dtype as Python prints its descr.
    private static func literal(_ dtype: DType) -> String {
        guard case .structured(let fields) = dtype.element else { return "'\(dtype)'" }
        let parts = fields.map { field in
            let shape = field.shape.isEmpty ? "" : ", \(tuple(field.shape))"
            return "(\(literal(field.name)), \(literal(field.dtype.bufferDType))\(shape))"
        }
        return "[\(parts.joined(separator: ", "))]"
    }

    private static func literal(_ name: String) -> String {
        var text = "'"
        for scalar in name.unicodeScalars {
            switch scalar {
            case "'", "\\": text += "\\\(scalar)"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 32 || scalar.value == 127:
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "'"
    }
}

/// What the header of an npy body says.
package struct NpyHeader: Equatable {
    /// The type of its elements.
    package var dtype: DType
    /// Its extents.
    package var shape: [Int]
    /// Whether the first axis runs fastest.
    package var isFortranOrder: Bool
    /// Bytes before the elements.
    package var byteCount: Int
}
