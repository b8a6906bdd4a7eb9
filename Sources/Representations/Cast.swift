internal import Documents
internal import Glibc
package import Layouts

extension PackedArray {
    /// The same values as another dtype, by the rule that JSON numbers follow: floats round, integers have to fit,
    /// a value that the dtype cannot hold is ``RepresentationError/valueOutOfRange(_:)``.
    package consuming func converted(to target: DType) throws(RepresentationError) -> PackedArray {
        if dtype == target { return self }
        let result = try PackedArray(dtype: target, shape: shape)
        try Cast.convert(base, dtype, into: result.base, target, count: count)
        return result
    }
}

/// Values of one dtype as another.
enum Cast {
    /// Converts elements that stand one behind the other.
    ///
    /// An instant is local time of the `zone`. The number of the first element is for messages.
    static func convert(
        _ source: UnsafeRawPointer,
        _ from: DType,
        into target: UnsafeMutableRawPointer,
        _ to: DType,
        count: Int,
        zone: TimeZone? = nil,
        first: Int = 0
    ) throws(RepresentationError) {
        if from == to, zone == nil || !from.isInstant {
            memcpy(target, source, count * to.byteCount)
            return
        }
        if case .structured(let sourceFields) = from.element, case .structured(let targetFields) = to.element {
            return try convertFields(source, from, sourceFields, into: target, to, targetFields, count: count)
        }
        for index in 0..<count {
            let store = ElementStore(dtype: to, place: target + index * to.byteCount, zone: zone)
            let place = source + index * from.byteCount
            if try !convert(place, from, into: store, isLocal: zone != nil) {
                throw .valueOutOfRange(
                    "expected values that \(to) can hold, element \(first + index) of dtype \(from) is none"
                )
            }
        }
    }

    private static func convert(
        _ place: UnsafeRawPointer,
        _ from: DType,
        into store: ElementStore,
        isLocal: Bool
    ) throws(RepresentationError) -> Bool {
        let big = from.isBigEndian
        switch from.element {
        case .bool: return store.flag(place.load(as: UInt8.self) != 0)
        case .int8: return number(store, place.load(as: Int8.self))
        case .int16: return number(store, Int16(bitPattern: integer(place, big)))
        case .int32: return number(store, Int32(bitPattern: integer(place, big)))
        case .int64: return number(store, Int64(bitPattern: integer(place, big)))
        case .uint8: return number(store, place.load(as: UInt8.self))
        case .uint16 where store.dtype.element == .bfloat16: return store.bits(integer(place, big) as UInt16)
        case .uint16: return number(store, integer(place, big) as UInt16)
        case .uint32: return number(store, integer(place, big) as UInt32)
        case .uint64: return number(store, integer(place, big) as UInt64)
        case .float16: return number(store, Double(Float16(bitPattern: integer(place, big))))
        case .bfloat16: return number(store, Double(BFloat16.value(integer(place, big))))
        case .float32: return number(store, Double(Float(bitPattern: integer(place, big))))
        case .float64: return number(store, Double(bitPattern: integer(place, big)))
        case .complex64:
            return store.complex(
                Double(Float(bitPattern: integer(place, big))),
                Double(Float(bitPattern: integer(place + 4, big)))
            )
        case .complex128:
            return store.complex(
                Double(bitPattern: integer(place, big)),
                Double(bitPattern: integer(place + 8, big))
            )
        case .bytes, .text, .datetime, .timedelta: return text(place, from, into: store, isLocal: isLocal)
        case .structured: return false
        }
    }

    /// A number is no instant and no text here; JSON's integers may be counts, an array's dtype says what it means.
    private static func number(_ store: ElementStore, _ value: some FixedWidthInteger) -> Bool {
        switch store.dtype.element {
        case .datetime: false
        default: store.integer(value)
        }
    }

    private static func number(_ store: ElementStore, _ value: Double) -> Bool {
        switch store.dtype.element {
        case .datetime: false
        default: store.double(value)
        }
    }

    /// Texts and local times go through their text, which is exact, as do years and months.
    private static func text(
        _ place: UnsafeRawPointer,
        _ from: DType,
        into store: ElementStore,
        isLocal: Bool
    ) -> Bool {
        let big = from.isBigEndian
        switch (from.element, store.dtype.element) {
        case (.datetime(let unit), .datetime(let target)):
            let count = Int64(bitPattern: integer(place, big))
            if count == DateTime.nat { return store.null() }
            if !isLocal, unit.isFixed, target.isFixed {
                guard let exact = Duration.convert(count, from: unit, to: target) else { return false }
                return exact != DateTime.nat && store.integer(exact)
            }
            var text = ByteBuffer()
            DateTime.append(count, unit: unit, to: &text)
            return store.text(text.text)
        case (.timedelta(let unit), .timedelta(let target)):
            let count = Int64(bitPattern: integer(place, big))
            if count == DateTime.nat { return store.null() }
            return Duration.convert(count, from: unit, to: target).map(store.integer) ?? false
        case (.bytes(let count), .bytes):
            let padded = UnsafeRawBufferPointer(start: place, count: count)
            let end = (padded.lastIndex { $0 != 0 } ?? -1) + 1
            return store.bytes(UnsafeRawBufferPointer(rebasing: padded[..<end]))
        case (.bytes(let count), .text):
            let padded = UnsafeRawBufferPointer(start: place, count: count)
            let end = (padded.lastIndex { $0 != 0 } ?? -1) + 1
            return String(validating: padded[..<end], as: UTF8.self).map(store.text) ?? false
        case (.text(let count), .bytes), (.text(let count), .text):
            var points = (0..<count).map { integer(place + 4 * $0, big) as UInt32 }
            while points.last == 0 { points.removeLast() }
            var scalars = String.UnicodeScalarView()
            for point in points {
                guard let scalar = Unicode.Scalar(point) else { return false }
                scalars.append(scalar)
            }
            return store.text(String(scalars))
        default: return false
        }
    }

    private static func convertFields(
        _ source: UnsafeRawPointer,
        _ from: DType,
        _ sourceFields: [DType.Field],
        into target: UnsafeMutableRawPointer,
        _ to: DType,
        _ targetFields: [DType.Field],
        count: Int
    ) throws(RepresentationError) {
        guard sourceFields.map(\.name) == targetFields.map(\.name),
            sourceFields.map(\.shape) == targetFields.map(\.shape)
        else { throw .shapeMismatch("expected the fields of \(to), got those of \(from)") }
        for index in 0..<count {
            for (one, other) in zip(sourceFields, targetFields) {
                try convert(
                    source + index * from.byteCount + one.byteOffset,
                    one.dtype,
                    into: target + index * to.byteCount + other.byteOffset,
                    other.dtype,
                    count: other.shape.reduce(1, *)
                )
            }
        }
    }
}

extension DType {
    fileprivate var isInstant: Bool {
        if case .datetime = element { return true }
        return false
    }
}

extension TimeUnit {
    /// Whether all steps are equally long, which years and months are not.
    fileprivate var isFixed: Bool { base != .year && base != .month }
}

extension ElementStore {
    /// Stores a complex number; a real place takes it only without an imaginary part.
    func complex(_ real: Double, _ imaginary: Double) -> Bool {
        switch dtype.element {
        case .complex64:
            let part = DType(.float32, bigEndian: dtype.isBigEndian)
            return ElementStore(dtype: part, place: place).double(real)
                && ElementStore(dtype: part, place: place + 4).double(imaginary)
        case .complex128:
            let part = DType(.float64, bigEndian: dtype.isBigEndian)
            return ElementStore(dtype: part, place: place).double(real)
                && ElementStore(dtype: part, place: place + 8).double(imaginary)
        default: return imaginary == 0 && double(real)
        }
    }

    /// Stores the sixteen bits of a bfloat16, which npy has no name for.
    func bits(_ bits: UInt16) -> Bool {
        place.storeBytes(of: bits, as: UInt16.self)
        return true
    }
}
