internal import Documents
internal import Layouts

/// Writes elements of one dtype as fields of CSV: as JSON has them where JSON has numbers, and else as pandas does.
///
/// The instants of a column have a fraction all of them or none, for readers take the form of all from the first.
///
/// A reference, for whoever walks through the columns of a row takes it in his hands for each element.
final class FieldWriter {
    let byteCount: Int
    private let dtype: DType
    /// Writes what CSV has as JSON has it.
    private let plain: ElementWriter
    private let usual: UsualNumber?
    private let options: JSONOptions
    private let zone: TimeZone?
    private let isPadded: Bool

    /// A writer of a column of `count` packed elements.
    init(_ type: Excerpt.PartType, _ options: JSONOptions, _ values: UnsafeRawPointer, _ count: Int) {
        dtype = type.dtype
        usual = UsualNumber(type.dtype)
        plain = ElementWriter(type.dtype, JSONOptions())
        isPadded = Self.hasFractions(type.dtype, values, count)
        byteCount = type.dtype.byteCount
        self.options = options
        zone = type.zone.flatMap(TimeZone.named)
    }

    private static func hasFractions(_ dtype: DType, _ values: UnsafeRawPointer, _ count: Int) -> Bool {
        guard case .datetime(let unit) = dtype.element else { return false }
        return (0..<count).contains { number in
            let bits: UInt64 = integer(values + number * dtype.byteCount, dtype.isBigEndian)
            return DateTime.hasFraction(Int64(bitPattern: bits), unit: unit)
        }
    }

    /// Appends packed elements as the cells of a column.
    func write(_ place: UnsafeRawPointer, count: Int, to column: ColumnText) {
        switch usual {
        case .float64: column.append(doubles: place, count: count) { writeSpecial($0, to: &$1) }
        case .float32: column.append(floats: place, count: count) { writeSpecial(Double($0), to: &$1) }
        case .int64: column.append(int64s: place, count: count)
        case .int32: column.append(int32s: place, count: count)
        case nil:
            for row in 0..<count { column.append { write(place + row * byteCount, to: &$0) } }
        }
    }

    /// Appends the element at a place.
    func write(_ place: UnsafeRawPointer, to text: inout ByteBuffer) {
        switch usual {
        case .float64: return write(place.loadUnaligned(as: Double.self), to: &text)
        case .float32: return write(place.loadUnaligned(as: Float.self), to: &text)
        case .int64, .int32: return plain.write(place, to: &text)
        case nil: break
        }
        let big = dtype.isBigEndian
        switch dtype.element {
        case .float16:
            let value = Float16(bitPattern: integer(place, big))
            if value.isFinite { text.appendDecimal(value) } else { writeSpecial(Double(value), to: &text) }
        case .bfloat16: write(BFloat16.shortest(integer(place, big)), to: &text)
        case .float32: write(Float(bitPattern: integer(place, big)), to: &text)
        case .float64: write(Double(bitPattern: integer(place, big)), to: &text)
        case .complex64:
            writePair(
                Float(bitPattern: integer(place, big)),
                Float(bitPattern: integer(place + 4, big)),
                to: &text
            ) { write($0, to: &$1) }
        case .complex128:
            writePair(
                Double(bitPattern: integer(place, big)),
                Double(bitPattern: integer(place + 8, big)),
                to: &text
            ) { write($0, to: &$1) }
        case .bytes(let count):
            let padded = UnsafeRawBufferPointer(start: place, count: count)
            let end = (padded.lastIndex { $0 != 0 } ?? -1) + 1
            text.appendField(String(decoding: padded[..<end], as: UTF8.self))
        case .text: text.appendField(codePoints(place, dtype))
        case .datetime(let unit):
            let value = Int64(bitPattern: integer(place, big))
            if value == DateTime.nat { return }
            guard let zone else { return DateTime.append(value, unit: unit, isPadded: isPadded, to: &text) }
            let (local, offset) = zone.local(value, unit: unit)
            DateTime.append(local, unit: unit, isPadded: isPadded, to: &text)
            DateTime.append(offset: offset, to: &text)
        case .timedelta(let unit):
            let value = Int64(bitPattern: integer(place, big))
            if value == DateTime.nat { return }
            if options.timedeltaAsISO {
                Duration.append(value, unit: unit, to: &text)
            } else {
                text.appendDecimal(value)
            }
        case .structured: preconditionFailure("elements with fields are no fields")
        case .bool, .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64, .uint64:
            plain.write(place, to: &text)
        }
    }

    private func write(_ value: Double, to text: inout ByteBuffer) {
        if value.isFinite { text.appendDecimal(value) } else { writeSpecial(value, to: &text) }
    }

    private func write(_ value: Float, to text: inout ByteBuffer) {
        if value.isFinite { text.appendDecimal(value) } else { writeSpecial(Double(value), to: &text) }
    }

    private func writeSpecial(_ value: Double, to text: inout ByteBuffer) {
        if value.isNaN { return }
        text.append(value < 0 ? "-inf" : "inf")
    }

    /// `(1+2j)`, as Python has it and reads it; a half that is NaN is written out, for `(+j)` is no number.
    private func writePair<Half: BinaryFloatingPoint>(
        _ real: Half,
        _ imaginary: Half,
        to text: inout ByteBuffer,
        _ write: (Half, inout ByteBuffer) -> Void
    ) {
        text.append("(")
        if real.isNaN { text.append("nan") } else { write(real, &text) }
        if imaginary.isNaN {
            text.append("+nan")
        } else {
            if imaginary.sign == .plus { text.append("+") }
            write(imaginary, &text)
        }
        text.append("j)")
    }
}

extension ByteBuffer {
    /// Appends text as one field, in quotes where it could be taken for something else; an empty text is `""`.
    mutating func appendField(_ field: String) {
        let isPlain = !field.isEmpty && field.utf8.allSatisfy { $0 != 0x2C && $0 != 0x22 && $0 != 0x0A && $0 != 0x0D }
        if isPlain { return append(field) }
        append(UInt8(ascii: "\""))
        append(field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))
        append(UInt8(ascii: "\""))
    }
}
