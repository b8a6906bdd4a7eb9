internal import Layouts

/// Bytes that are sent as they are may be none of a type's values; NumPy would take them, and others then read what
/// nobody wrote.
extension DType {
    /// Whether there are bytes of its size that are none of its values.
    package var hasInvalidValues: Bool {
        switch element {
        case .bool, .text: true
        case .structured(let fields): fields.contains { $0.dtype.hasInvalidValues }
        default: false
        }
    }

    /// The number of the first packed element that is none of its values; nil if all are.
    ///
    /// A bool is 0 or 1, and text has code points that Unicode has, surrogates not among them.
    package func firstInvalid(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard hasInvalidValues, byteCount > 0 else { return nil }
        switch element {
        case .bool: return bytes.firstIndex { $0 > 1 }
        case .text(let length):
            let points = bytes.count / 4
            for point in 0..<points {
                let raw = bytes.loadUnaligned(fromByteOffset: 4 * point, as: UInt32.self)
                let value = isBigEndian ? UInt32(bigEndian: raw) : UInt32(littleEndian: raw)
                if Unicode.Scalar(value) == nil { return point / length }
            }
            return nil
        case .structured(let fields):
            return (0..<bytes.count / byteCount).first { number in
                fields.contains { field in
                    let start = number * byteCount + field.byteOffset
                    let value = UnsafeRawBufferPointer(rebasing: bytes[start..<start + field.byteCount])
                    return field.dtype.firstInvalid(in: value) != nil
                }
            }
        default: return nil
        }
    }
}
