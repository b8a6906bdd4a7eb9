package import Documents
package import Layouts
internal import Segments

/// Arrays as JSON.
package enum ArrayJSON {
    /// Appends packed elements as nested lists of the shape; rank 0 is the bare element.
    package static func write(
        _ packed: UnsafeRawPointer,
        dtype: DType,
        shape: [Int],
        options: JSONOptions,
        zone: TimeZone? = nil,
        to text: inout ByteBuffer
    ) {
        let list = NestedList(base: packed, shape: shape, itemByteCount: dtype.byteCount)
        let big = dtype.isBigEndian
        var pauses = TextPauses(from: text.count)
        switch dtype.element {
        case .float64 where !big && !shape.isEmpty:
            list.writeRows(to: &text) {
                $2.appendList(ofDoubles: $0, count: $1) {
                    Number.writeSpecial($0, options, to: &$1)
                } wrote: {
                    pauses.passed($0)
                }
            }
        case .float32 where !big && !shape.isEmpty:
            list.writeRows(to: &text) {
                $2.appendList(ofFloats: $0, count: $1) {
                    Number.writeSpecial(Double($0), options, to: &$1)
                } wrote: {
                    pauses.passed($0)
                }
            }
        case .int64 where !options.int64AsString:
            list.write(to: &text) { $1.appendDecimal(Int64(truncatingIfNeeded: integer($0, big) as UInt64)) }
        case .int32:
            list.write(to: &text) { $1.appendDecimal(Int64(Int32(bitPattern: integer($0, big)))) }
        case .uint8:
            list.write(to: &text) { $1.appendDecimal(UInt64($0.load(as: UInt8.self))) }
        default:
            let element = ElementWriter(dtype, options, zone: zone)
            list.write(to: &text) { element.write($0, to: &$1) }
        }
    }
}

/// A number's bits in the machine's byte order.
@inline(__always)
func integer<Bits: FixedWidthInteger>(_ place: UnsafeRawPointer, _ big: Bool) -> Bits {
    let bits = place.loadUnaligned(as: Bits.self)
    return big ? bits.byteSwapped : bits
}

/// The brackets and commas around the elements of an array.
struct NestedList {
    let base: UnsafeRawPointer
    let shape: [Int]
    let itemByteCount: Int

    /// Calls `element` with the place of each element, in C order.
    @inline(__always)
    func write(to text: inout ByteBuffer, element: (UnsafeRawPointer, inout ByteBuffer) -> Void) {
        if shape.isEmpty { return element(base, &text) }
        var pauses = TextPauses(from: text.count)
        writeRows(to: &text) { row, count, text in
            var next = row
            text.append(UInt8(ascii: "["))
            for column in 0..<count {
                if column > 0 { text.append(UInt8(ascii: ",")) }
                element(next, &text)
                pauses.passed(text.count)
                next += itemByteCount
            }
            text.append(UInt8(ascii: "]"))
        }
    }

    /// Calls `row` with the place of each run along the last axis, and how many elements it has, which are never none.
    @inline(__always)
    func writeRows(to text: inout ByteBuffer, row: (UnsafeRawPointer, Int, inout ByteBuffer) -> Void) {
        guard let last = shape.last else { preconditionFailure("a bare element is no row") }
        let outer = Array(shape.dropLast())
        if shape.contains(0) { return writeEmpty(0, to: &text) }
        var index = [Int](repeating: 0, count: outer.count)
        var next = base
        for _ in outer { text.append(UInt8(ascii: "[")) }
        while true {
            row(next, last, &text)
            next += last * itemByteCount
            var axis = outer.count - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < outer[axis] { break }
                index[axis] = 0
                text.append(UInt8(ascii: "]"))
                axis -= 1
            }
            if axis < 0 { return }
            text.append(UInt8(ascii: ","))
            for _ in axis..<(outer.count - 1) { text.append(UInt8(ascii: "[")) }
        }
    }

    private func writeEmpty(_ axis: Int, to text: inout ByteBuffer) {
        text.append(UInt8(ascii: "["))
        if axis + 1 < shape.count {
            for position in 0..<shape[axis] {
                if position > 0 { text.append(UInt8(ascii: ",")) }
                writeEmpty(axis + 1, to: &text)
            }
        }
        text.append(UInt8(ascii: "]"))
    }
}
