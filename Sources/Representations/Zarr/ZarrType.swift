internal import Documents
package import Layouts

/// An element type as Zarr's metadata have it, in both versions.
///
/// Instants and durations in units that CF knows are int64 with attributes that say what they count, so that xarray
/// decodes them to exactly what NumPy has. bfloat16 is uint16, as in npy.
package struct ZarrType: Sendable {
    /// What stands for an absent element: its JSON, and the bytes that it has in a chunk.
    package struct Fill: Sendable {
        let json: String
        package let bytes: [UInt8]
    }

    /// The elements of the chunks.
    package let stored: DType
    /// `data_type` of v3 as JSON; nil where v3 has none.
    let dataType: String?
    /// `dtype` of v2 as JSON; nil where v2 has none.
    let typestring: String?
    /// `fill_value` of v3: what no ordinary array is full of, where there is such a value.
    ///
    /// zarr-python removes chunks that are all fill value, and a chunk that is merely zero shall be written.
    package let fill: Fill
    /// `fill_value` of v2: null where xarray would take it for a mark of missing values.
    package let fillV2: Fill
    /// The attributes that tell what the elements count.
    let conventions: [JSONObject.Member]

    /// The type of a dtype; `zone` is that of instants, whose counts are UTC.
    init(_ dtype: DType, zone: String? = nil) {
        let count = CountedTime(dtype)
        stored = count == nil ? dtype.bufferDType : DType(.int64, bigEndian: dtype.isBigEndian)
        dataType = Self.dataType(stored)
        typestring = Self.typestring(stored)
        fill = Self.fill(stored, isFloat16Half: dtype.element == .bfloat16)
        switch stored.element {
        case .float16, .float32, .float64, .complex64, .complex128, .datetime, .timedelta: fillV2 = fill
        case .int64 where count != nil: fillV2 = fill
        default: fillV2 = Fill(json: "null", bytes: [UInt8](repeating: 0, count: dtype.byteCount))
        }
        var conventions = count?.attributes ?? []
        if dtype.element == .bfloat16 { conventions.append(.init(name: "shm_dtype", value: .string("bfloat16"))) }
        if let zone { conventions.append(.init(name: "tz", value: .string(zone))) }
        self.conventions = conventions
    }

    /// Whether elements have a byte order.
    var hasOrder: Bool { DType(stored.element, bigEndian: true).isBigEndian }

    /// The spelling of v3, that of zarr-python where the specification has none.
    private static func dataType(_ dtype: DType) -> String? {
        switch dtype.element {
        case .bool: "\"bool\""
        case .int8: "\"int8\""
        case .int16: "\"int16\""
        case .int32: "\"int32\""
        case .int64: "\"int64\""
        case .uint8: "\"uint8\""
        case .uint16, .bfloat16: "\"uint16\""
        case .uint32: "\"uint32\""
        case .uint64: "\"uint64\""
        case .float16: "\"float16\""
        case .float32: "\"float32\""
        case .float64: "\"float64\""
        case .complex64: "\"complex64\""
        case .complex128: "\"complex128\""
        case .bytes(let count): configured("null_terminated_bytes", "\"length_bytes\":\(count)")
        case .text(let count): configured("fixed_length_utf32", "\"length_bytes\":\(4 * count)")
        case .datetime(let unit): configured("numpy.datetime64", scaled(unit))
        case .timedelta(let unit): configured("numpy.timedelta64", scaled(unit))
        case .structured(let fields):
            structured(fields) { field in
                // Nothing says the byte order of a field: readers take them all for little-endian.
                field.dtype.isBigEndian ? nil : dataType(field.dtype)
            }
            .map { configured("structured", "\"fields\":\($0)") }
        }
    }

    private static func configured(_ name: StaticString, _ configuration: String) -> String {
        "{\"name\":\"\(name)\",\"configuration\":{\(configuration)}}"
    }

    private static func scaled(_ unit: TimeUnit) -> String {
        "\"unit\":\"\(unit.base.rawValue)\",\"scale_factor\":\(unit.multiple)"
    }

    private static func typestring(_ dtype: DType) -> String? {
        guard case .structured(let fields) = dtype.element else { return "\"\(dtype.bufferDType)\"" }
        // Fields in fields are in the specification, and zarr-python 3 cannot read a group that has them.
        return structured(fields) { $0.dtype.fields.isEmpty ? typestring($0.dtype) : nil }
    }

    /// Names and types of fields; nil if one has none, or is an array of its own.
    private static func structured(_ fields: [DType.Field], type: (DType.Field) -> String?) -> String? {
        var json = JSONWriter()
        json.beginArray()
        for field in fields {
            guard field.shape.isEmpty, let type = type(field) else { return nil }
            json.beginArray()
            json.string(field.name)
            json.raw(type)
            json.endArray()
        }
        json.endArray()
        return json.finish().text
    }

    private static func fill(_ dtype: DType, isFloat16Half: Bool) -> Fill {
        func integer<Value: FixedWidthInteger>(_ value: Value) -> Fill {
            Fill(json: "\(value)", bytes: bytes(value, dtype))
        }
        switch dtype.element {
        case .bool: return Fill(json: "false", bytes: [0])
        case .int8: return integer(Int8.min)
        case .int16: return integer(Int16.min)
        case .int32: return integer(Int32.min)
        case .int64, .datetime, .timedelta: return integer(Int64.min)
        case .uint8: return integer(UInt8.max)
        case .uint16: return integer(isFloat16Half ? 0x7FC0 : UInt16.max)
        case .uint32: return integer(UInt32.max)
        case .uint64: return integer(UInt64.max)
        case .float16: return Fill(json: "\"NaN\"", bytes: bytes(UInt16(0x7E00), dtype))
        case .float32: return Fill(json: "\"NaN\"", bytes: bytes(UInt32(0x7FC0_0000), dtype))
        case .float64: return Fill(json: "\"NaN\"", bytes: bytes(UInt64(0x7FF8_0000_0000_0000), dtype))
        case .complex64:
            let part = bytes(UInt32(0x7FC0_0000), dtype)
            return Fill(json: "[\"NaN\",\"NaN\"]", bytes: part + part)
        case .complex128:
            let part = bytes(UInt64(0x7FF8_0000_0000_0000), dtype)
            return Fill(json: "[\"NaN\",\"NaN\"]", bytes: part + part)
        case .bytes(let count): return Fill(json: "\"\"", bytes: [UInt8](repeating: 0, count: count))
        case .text(let count): return Fill(json: "\"\"", bytes: [UInt8](repeating: 0, count: 4 * count))
        case .bfloat16: preconditionFailure("chunks have no bfloat16")
        case .structured:
            let zeros = [UInt8](repeating: 0, count: dtype.byteCount)
            var text = ByteBuffer()
            zeros.withUnsafeBytes { text.appendBase64($0) }
            return Fill(json: "\"\(text.text)\"", bytes: zeros)
        }
    }

    private static func bytes(_ value: some FixedWidthInteger, _ dtype: DType) -> [UInt8] {
        withUnsafeBytes(of: dtype.isBigEndian ? value.bigEndian : value.littleEndian) { Array($0) }
    }
}

/// Times that the CF conventions can count: single units from a day down to a nanosecond.
private struct CountedTime {
    let attributes: [JSONObject.Member]

    init?(_ dtype: DType) {
        switch dtype.element {
        case .datetime(let unit):
            guard let word = Self.word(unit) else { return nil }
            attributes = [
                .init(name: "units", value: .string("\(word) since 1970-01-01")),
                .init(name: "calendar", value: .string("proleptic_gregorian")),
            ]
        case .timedelta(let unit):
            guard let word = Self.word(unit) else { return nil }
            // xarray takes units alone for those of a measurement; the dtype says that these are durations.
            let resolution = [.day, .hour, .minute].contains(unit.base) ? TimeUnit(.second) : unit
            attributes = [
                .init(name: "units", value: .string(word)),
                .init(name: "dtype", value: .string("timedelta64[\(resolution)]")),
            ]
        default: return nil
        }
    }

    private static func word(_ unit: TimeUnit) -> String? {
        guard unit.multiple == 1 else { return nil }
        return switch unit.base {
        case .day: "days"
        case .hour: "hours"
        case .minute: "minutes"
        case .second: "seconds"
        case .millisecond: "milliseconds"
        case .microsecond: "microseconds"
        case .nanosecond: "nanoseconds"
        case .year, .month, .week, .picosecond, .femtosecond, .attosecond: nil
        }
    }
}
