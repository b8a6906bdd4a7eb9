package import Documents
internal import Glibc

/// Stores one value at one place, if the dtype of the place can hold it.
///
/// Each method says whether it could; numbers round to floats, have to fit into integers, and never overflow to
/// infinity.
package struct ElementStore {
    /// The type of the place.
    package let dtype: DType
    /// Where the element goes.
    package let place: UnsafeMutableRawPointer
    private let zone: TimeZone?

    /// A place of a dtype.
    ///
    /// A datetime64 without an offset is local time of the `zone`.
    package init(dtype: DType, place: UnsafeMutableRawPointer, zone: TimeZone? = nil) {
        self.dtype = dtype
        self.place = place
        self.zone = zone
    }

    /// Stores a number.
    package func number(_ number: JSONNumber) -> Bool {
        switch number {
        case .integer(let value): integer(value)
        case .unsigned(let value): integer(value)
        // As an exact integer the least int64 comes as one; what is rounded to it was less.
        case .double(let value): value == -0x1p63 && takesIntegersOnly ? false : double(value)
        case .overflow: false
        }
    }

    private var takesIntegersOnly: Bool {
        switch dtype.element {
        case .int64, .timedelta, .datetime: true
        default: false
        }
    }

    /// Stores an integer.
    package func integer<Number: FixedWidthInteger>(_ value: Number) -> Bool {
        switch dtype.element {
        case .bool: flag01(value == 0 ? 0 : value == 1 ? 1 : nil)
        case .int8: exact(Int8(exactly: value))
        case .int16: exact(Int16(exactly: value))
        case .int32: exact(Int32(exactly: value))
        case .int64: exact(Int64(exactly: value))
        case .uint8: exact(UInt8(exactly: value))
        case .uint16: exact(UInt16(exactly: value))
        case .uint32: exact(UInt32(exactly: value))
        case .uint64: exact(UInt64(exactly: value))
        case .datetime, .timedelta: exact(Int64(exactly: value))
        case .float16, .float32, .float64, .bfloat16, .complex64, .complex128: double(Double(value))
        case .bytes, .text, .structured: false
        }
    }

    /// Stores a double that may be infinite or NaN only if the number given was.
    package func double(_ value: Double) -> Bool {
        switch dtype.element {
        case .float64: return put(value.bitPattern)
        case .float32:
            let rounded = Float(value)
            return (rounded.isFinite || !value.isFinite) && put(rounded.bitPattern)
        case .float16:
            let rounded = Float16(value)
            return (rounded.isFinite || !value.isFinite) && put(rounded.bitPattern)
        case .bfloat16:
            let bits = BFloat16.bits(Float(value))
            return (BFloat16.value(bits).isFinite || !value.isFinite) && put(bits)
        case .complex64, .complex128: return half(0).double(value) && half(1).double(0)
        default:
            guard value.rounded(.towardZero) == value else { return false }
            if let exact = Int64(exactly: value) { return integer(exact) }
            if let exact = UInt64(exactly: value) { return integer(exact) }
            return false
        }
    }

    /// Stores a truth value; only a bool takes one.
    package func flag(_ value: Bool) -> Bool { dtype.element == .bool && put(UInt8(value ? 1 : 0)) }

    /// Stores what `null` stands for: NaN or NaT.
    package func null() -> Bool {
        switch dtype.element {
        case .float16, .float32, .float64, .bfloat16, .complex64, .complex128: double(.nan)
        case .datetime, .timedelta: put(UInt64(bitPattern: DateTime.nat))
        default: false
        }
    }

    /// Stores a text: itself, an instant, or one of the words and digits that stand for numbers.
    package func text(_ text: String) -> Bool {
        switch dtype.element {
        case .bytes:
            var text = text
            return text.withUTF8 { bytes(UnsafeRawBufferPointer($0)) }
        case .text(let count): return scalars(text, count: count)
        case .datetime(let unit):
            guard case .count(let value) = DateTime.read(text, unit: unit, zone: zone) else { return false }
            return put(UInt64(bitPattern: value))
        case .timedelta(let unit):
            guard let value = Duration.read(text, unit: unit) else { return false }
            return put(UInt64(bitPattern: value))
        case .int64, .uint64:
            if let value = Int64(text) { return integer(value) }
            return UInt64(text).map(integer) ?? false
        case .float16, .float32, .float64, .bfloat16, .complex64, .complex128:
            switch text {
            case "NaN": return double(.nan)
            case "Infinity": return double(.infinity)
            case "-Infinity": return double(-.infinity)
            default: return false
            }
        default: return false
        }
    }

    /// Stores bytes, padded with NUL.
    package func bytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard case .bytes(let count) = dtype.element, bytes.count <= count else { return false }
        memset(place, 0, count)
        if let base = bytes.baseAddress { memcpy(place, base, bytes.count) }
        return true
    }

    private func scalars(_ text: String, count: Int) -> Bool {
        let scalars = text.unicodeScalars
        guard scalars.count <= count else { return false }
        memset(place, 0, 4 * count)
        for (position, scalar) in scalars.enumerated() {
            let value = dtype.isBigEndian ? scalar.value.bigEndian : scalar.value
            place.storeBytes(of: value, toByteOffset: 4 * position, as: UInt32.self)
        }
        return true
    }

    /// The real or imaginary part of a complex place.
    private func half(_ index: Int) -> ElementStore {
        let part = DType(dtype.element == .complex64 ? .float32 : .float64, bigEndian: dtype.isBigEndian)
        return ElementStore(dtype: part, place: place + index * part.byteCount)
    }

    private func flag01(_ value: UInt8?) -> Bool { value.map(put) ?? false }

    private func exact(_ value: (some FixedWidthInteger)?) -> Bool { value.map(put) ?? false }

    @inline(__always)
    private func put(_ bits: some FixedWidthInteger) -> Bool {
        if dtype.isBigEndian {
            place.storeBytes(of: bits.bigEndian, as: type(of: bits))
        } else {
            place.storeBytes(of: bits, as: type(of: bits))
        }
        return true
    }
}
