internal import Documents
internal import Layouts

/// Numbers as JSON spells them.
enum Number {
    /// A finite number as its shortest decimal; NaN as `null` or `"NaN"`, infinities as strings.
    @inline(__always)
    static func write(_ value: Double, _ options: JSONOptions, to text: inout ByteBuffer) {
        if value.isFinite { text.appendDecimal(value) } else { writeSpecial(value, options, to: &text) }
    }

    /// The shortest decimal that rounds to this float32.
    @inline(__always)
    static func write(_ value: Float, _ options: JSONOptions, to text: inout ByteBuffer) {
        if value.isFinite { text.appendDecimal(value) } else { writeSpecial(Double(value), options, to: &text) }
    }

    /// What stands for infinities and NaN.
    static func writeSpecial(_ value: Double, _ options: JSONOptions, to text: inout ByteBuffer) {
        if value.isNaN {
            if options.nanAsString { text.append("\"NaN\"") } else { text.append("null") }
        } else if value < 0 {
            text.append("\"-Infinity\"")
        } else {
            text.append("\"Infinity\"")
        }
    }
}

/// What most columns hold, in this machine's order: told apart without a look at the dtype, which counts references.
enum UsualNumber {
    case float64
    case float32
    case int64
    case int32

    /// Nil for all others.
    init?(_ dtype: DType) {
        if dtype.isBigEndian { return nil }
        switch dtype.element {
        case .float64: self = .float64
        case .float32: self = .float32
        case .int64: self = .int64
        case .int32: self = .int32
        default: return nil
        }
    }
}

/// Writes single elements of one dtype.
///
/// A reference, for whoever walks through the columns of a row takes it in his hands for each element.
final class ElementWriter {
    private let dtype: DType
    private let options: JSONOptions
    private let zone: TimeZone?
    private let fields: [(writer: ElementWriter, field: DType.Field)]
    private let usual: UsualNumber?

    /// Instants are written by the clock of a zone, with their offset, if they belong to one.
    init(_ dtype: DType, _ options: JSONOptions, zone: TimeZone? = nil) {
        self.dtype = dtype
        self.options = options
        self.zone = zone
        usual = UsualNumber(dtype)
        fields = dtype.fields.map { (ElementWriter($0.dtype, options), $0) }
    }

    /// Bytes of an element.
    var byteCount: Int { dtype.byteCount }

    /// Appends packed elements as the cells of a column.
    func write(_ place: UnsafeRawPointer, count: Int, to column: ColumnText) {
        switch usual {
        case .float64:
            column.append(doubles: place, count: count) { Number.writeSpecial($0, options, to: &$1) }
        case .float32:
            column.append(floats: place, count: count) { Number.writeSpecial(Double($0), options, to: &$1) }
        case .int64 where !options.int64AsString: column.append(int64s: place, count: count)
        case .int32: column.append(int32s: place, count: count)
        default:
            for row in 0..<count { column.append { write(place + row * dtype.byteCount, to: &$0) } }
        }
    }

    /// Appends the element at a place.
    func write(_ place: UnsafeRawPointer, to text: inout ByteBuffer) {
        switch usual {
        case .float64: return Number.write(place.loadUnaligned(as: Double.self), options, to: &text)
        case .float32: return Number.write(place.loadUnaligned(as: Float.self), options, to: &text)
        case .int64 where !options.int64AsString: return text.appendDecimal(place.loadUnaligned(as: Int64.self))
        case .int32: return text.appendDecimal(Int64(place.loadUnaligned(as: Int32.self)))
        default: break
        }
        let big = dtype.isBigEndian
        switch dtype.element {
        case .bool:
            if place.load(as: UInt8.self) == 0 { text.append("false") } else { text.append("true") }
        case .int8: text.appendDecimal(Int64(place.load(as: Int8.self)))
        case .uint8: text.appendDecimal(UInt64(place.load(as: UInt8.self)))
        case .int16: text.appendDecimal(Int64(Int16(bitPattern: integer(place, big))))
        case .uint16: text.appendDecimal(UInt64(integer(place, big) as UInt16))
        case .int32: text.appendDecimal(Int64(Int32(bitPattern: integer(place, big))))
        case .uint32: text.appendDecimal(UInt64(integer(place, big) as UInt32))
        case .int64: write64(Int64(bitPattern: integer(place, big)), to: &text)
        case .uint64: write64(integer(place, big) as UInt64, to: &text)
        case .float16:
            let value = Float16(bitPattern: integer(place, big))
            if value.isFinite { text.appendDecimal(value) } else { Number.write(Double(value), options, to: &text) }
        case .bfloat16: Number.write(BFloat16.shortest(integer(place, big)), options, to: &text)
        case .float32: Number.write(Float(bitPattern: integer(place, big)), options, to: &text)
        case .float64: Number.write(Double(bitPattern: integer(place, big)), options, to: &text)
        case .complex64:
            writePair(to: &text) { half, text in
                Number.write(Float(bitPattern: integer(place + 4 * half, big)), options, to: &text)
            }
        case .complex128:
            writePair(to: &text) { half, text in
                Number.write(Double(bitPattern: integer(place + 8 * half, big)), options, to: &text)
            }
        case .bytes(let count): writeBytes(UnsafeRawBufferPointer(start: place, count: count), to: &text)
        case .text: text.appendJSON(codePoints(place, dtype))
        case .datetime(let unit):
            let value = Int64(bitPattern: integer(place, big))
            if value == DateTime.nat { return text.append("null") }
            text.append(UInt8(ascii: "\""))
            if let zone {
                let (local, offset) = zone.local(value, unit: unit)
                DateTime.append(local, unit: unit, to: &text)
                DateTime.append(offset: offset, to: &text)
            } else {
                DateTime.append(value, unit: unit, to: &text)
            }
            text.append(UInt8(ascii: "\""))
        case .timedelta(let unit): writeTimedelta(Int64(bitPattern: integer(place, big)), unit, to: &text)
        case .structured: writeFields(place, to: &text)
        }
    }

    private func write64(_ value: some BinaryInteger, to text: inout ByteBuffer) {
        if options.int64AsString { text.append(UInt8(ascii: "\"")) }
        if let value = value as? Int64 { text.appendDecimal(value) } else { text.appendDecimal(UInt64(value)) }
        if options.int64AsString { text.append(UInt8(ascii: "\"")) }
    }

    private func writePair(to text: inout ByteBuffer, half: (Int, inout ByteBuffer) -> Void) {
        text.append(UInt8(ascii: "["))
        half(0, &text)
        text.append(UInt8(ascii: ","))
        half(1, &text)
        text.append(UInt8(ascii: "]"))
    }

    private func writeTimedelta(_ value: Int64, _ unit: TimeUnit, to text: inout ByteBuffer) {
        if value == DateTime.nat { return text.append("null") }
        if options.timedeltaAsISO {
            text.append(UInt8(ascii: "\""))
            Duration.append(value, unit: unit, to: &text)
            text.append(UInt8(ascii: "\""))
        } else {
            text.appendDecimal(value)
        }
    }

    /// Text without the NULs at its end; what is no UTF-8 in base64, so that nothing is lost.
    private func writeBytes(_ padded: UnsafeRawBufferPointer, to text: inout ByteBuffer) {
        let end = (padded.lastIndex { $0 != 0 } ?? -1) + 1
        let bytes = UnsafeRawBufferPointer(rebasing: padded[..<end])
        if let valid = String(validating: bytes, as: UTF8.self) {
            text.appendJSON(valid)
        } else if options.replacesInvalidText {
            text.appendJSON(String(decoding: bytes, as: UTF8.self))
        } else {
            text.append("{\"base64\":\"")
            text.appendBase64(bytes)
            text.append("\"}")
        }
    }

    private func writeFields(_ place: UnsafeRawPointer, to text: inout ByteBuffer) {
        text.append(UInt8(ascii: "["))
        for (index, entry) in fields.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            let list = NestedList(
                base: place + entry.field.byteOffset,
                shape: entry.field.shape,
                itemByteCount: entry.field.dtype.byteCount
            )
            list.write(to: &text) { entry.writer.write($0, to: &$1) }
        }
        text.append(UInt8(ascii: "]"))
    }
}

/// The text of an element of `U<n>` without the NULs at its end; what is no Unicode scalar becomes U+FFFD.
func codePoints(_ place: UnsafeRawPointer, _ dtype: DType) -> String {
    var points = (0..<dtype.byteCount / 4).map { integer(place + 4 * $0, dtype.isBigEndian) as UInt32 }
    while points.last == 0 { points.removeLast() }
    var scalars = String.UnicodeScalarView()
    for point in points { scalars.append(Unicode.Scalar(point) ?? "\u{FFFD}") }
    return String(scalars)
}
