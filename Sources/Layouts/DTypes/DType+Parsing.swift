package import Documents

extension DType {
    /// The most bytes of an element; NumPy counts them in a C `int`.
    static let maximumByteCount = Int(Int32.max)

    /// Reads any of NumPy's spellings: a name, a typestring, a comma-separated list of them.
    public init(_ text: String) throws(LayoutError) {
        if text.contains(",") {
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            var fields: [(String, DType, [Int])] = []
            for (index, part) in parts.enumerated() {
                let part = part.drop { $0 == " " }
                if part.isEmpty, index == parts.count - 1 { break }
                fields.append(("f\(index)", try DType(String(part)), []))
            }
            self = try .structured(fields)
        } else if let dtype = Self.named[text] {
            self = dtype
        } else {
            self = try Self.typestring(text)
        }
    }

    /// Reads a spelling from JSON: a string, or a list of `[name, dtype]` or `[name, dtype, shape]`.
    package init(_ json: JSONValue) throws(LayoutError) {
        switch json {
        case .string(let text): self = try DType(text)
        case .array(let entries):
            var fields: [(String, DType, [Int])] = []
            for entry in entries {
                guard case .array(let parts) = entry, parts.count == 2 || parts.count == 3,
                    case .string(let name) = parts[0]
                else { throw .invalidDType("expected a field as [name, dtype] or [name, dtype, shape]") }
                let shape = parts.count == 3 ? try extents(parts[2]) : []
                fields.append((name, try DType(parts[1]), shape))
            }
            self = try .structured(fields)
        default: throw .invalidDType("expected a dtype as a string or as a list of fields")
        }
    }

    /// Puts fields one behind the other.
    public static func structured(_ parts: [(String, DType, [Int])]) throws(LayoutError) -> DType {
        if parts.isEmpty { throw .invalidDType("expected a structured dtype with fields, got none") }
        var fields: [Field] = []
        var names: Set<[UInt8]> = []
        var offset = 0
        for (name, dtype, shape) in parts {
            if name.isEmpty { throw .invalidDType("expected a name for every field, got an empty one") }
            if !names.insert(Array(name.utf8)).inserted { throw .invalidDType("the field \(name) occurs twice") }
            if shape.contains(0) { throw .invalidDType("the field \(name) has a sub-array without elements") }
            guard let count = product(shape, times: dtype.byteCount), offset + count <= maximumByteCount else {
                throw .invalidDType("expected an element of at most \(maximumByteCount) bytes, got more")
            }
            fields.append(Field(name: name, dtype: dtype, shape: shape, byteOffset: offset))
            offset += count
        }
        return DType(.structured(fields))
    }

    /// Reads `<f4`, `S8`, `>M8[25s]`, `datetime64[ns]` and the like.
    private static func typestring(_ text: String) throws(LayoutError) -> DType {
        let bytes = Array(text.utf8)
        let orders: [UInt8] = [UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "="), UInt8(ascii: "|")]
        let hasOrder = bytes.first.map(orders.contains) ?? false
        let isBig = bytes.first == UInt8(ascii: ">")
        let code = String(decoding: bytes.dropFirst(hasOrder ? 1 : 0), as: UTF8.self)
        if let dtype = codes[code] { return DType(dtype.element, bigEndian: isBig) }
        for prefix in ["datetime64", "timedelta64", "M8", "m8"] where code.hasPrefix(prefix) {
            let unit = try timeUnit(code.dropFirst(prefix.count), in: text)
            let isDatetime = prefix == "M8" || prefix == "datetime64"
            return DType(isDatetime ? .datetime(unit) : .timedelta(unit), bigEndian: isBig)
        }
        if let letter = code.first, "SaU".contains(letter) {
            guard let count = number(code.dropFirst()), count > 0 else {
                throw .invalidDType("expected a length of 1 or more, as in \(letter)8, got \(text)")
            }
            let (size, overflow) = count.multipliedReportingOverflow(by: letter == "U" ? 4 : 1)
            guard !overflow, size <= maximumByteCount else {
                throw .invalidDType("expected an element of at most \(maximumByteCount) bytes, got \(text)")
            }
            return DType(letter == "U" ? .text(count) : .bytes(count), bigEndian: isBig)
        }
        if ["O", "object", "g", "G", "longdouble", "clongdouble", "f16", "c32", "float128", "complex256"].contains(code)
            || code.hasPrefix("V")
        {
            throw .invalidDType("\(text) cannot be shared between programs; expected a number, text or time type")
        }
        throw .invalidDType(
            "expected a dtype such as float32, <i8, S8, U4, datetime64[ns] or bfloat16, got \(quoted(text))"
        )
    }

    private static func timeUnit(_ text: Substring, in whole: String) throws(LayoutError) -> TimeUnit {
        guard text.first == "[", text.last == "]" else {
            throw .invalidDType("expected a unit, as in datetime64[ns], got \(whole)")
        }
        let inside = text.dropFirst().dropLast()
        let digits = inside.prefix { $0.isASCII && $0.isNumber }
        let multiple = digits.isEmpty ? 1 : number(digits)
        guard let base = TimeUnit.Base(rawValue: String(inside.dropFirst(digits.count))), let multiple,
            (1...Int(Int32.max)).contains(multiple)
        else {
            throw .invalidDType(
                "expected one of the units \(TimeUnit.Base.allCases.map(\.rawValue).joined(separator: ", ")), got \(whole)"
            )
        }
        return TimeUnit(base, multiple: multiple)
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }

    /// Spellings that take no byte order.
    private static let named: [String: DType] = [
        "bool": DType(.bool), "bool_": DType(.bool), "int8": DType(.int8), "int16": DType(.int16),
        "int32": DType(.int32), "int64": DType(.int64), "uint8": DType(.uint8), "uint16": DType(.uint16),
        "uint32": DType(.uint32), "uint64": DType(.uint64), "float16": DType(.float16), "float32": DType(.float32),
        "float64": DType(.float64), "bfloat16": DType(.bfloat16), "complex64": DType(.complex64),
        "complex128": DType(.complex128), "half": DType(.float16), "single": DType(.float32),
        "double": DType(.float64), "float": DType(.float64), "csingle": DType(.complex64),
        "cdouble": DType(.complex128), "complex": DType(.complex128), "byte": DType(.int8), "ubyte": DType(.uint8),
        "short": DType(.int16), "ushort": DType(.uint16), "intc": DType(.int32), "uintc": DType(.uint32),
        "int": DType(.int64), "int_": DType(.int64), "uint": DType(.uint64), "intp": DType(.int64),
        "uintp": DType(.uint64), "long": DType(.int64), "ulong": DType(.uint64), "longlong": DType(.int64),
        "ulonglong": DType(.uint64),
    ]

    /// Codes that a byte order may stand before.
    private static let codes: [String: DType] = [
        "?": DType(.bool), "b1": DType(.bool), "b": DType(.int8), "i1": DType(.int8), "B": DType(.uint8),
        "u1": DType(.uint8), "h": DType(.int16), "i2": DType(.int16), "H": DType(.uint16), "u2": DType(.uint16),
        "i": DType(.int32), "i4": DType(.int32), "I": DType(.uint32), "u4": DType(.uint32), "l": DType(.int64),
        "q": DType(.int64), "p": DType(.int64), "i8": DType(.int64), "L": DType(.uint64), "Q": DType(.uint64),
        "P": DType(.uint64), "u8": DType(.uint64), "e": DType(.float16), "f2": DType(.float16), "f": DType(.float32),
        "f4": DType(.float32), "d": DType(.float64), "f8": DType(.float64), "F": DType(.complex64),
        "c8": DType(.complex64), "D": DType(.complex128), "c16": DType(.complex128),
    ]
}

/// The text in quotes, cut where it gets long.
func quoted(_ text: String) -> String {
    text.utf8.count <= 80 ? "\"\(text)\"" : "\"\(text.prefix(80))…\""
}
