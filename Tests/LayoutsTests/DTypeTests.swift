import Documents
import TestSupport
import Testing

@testable import Layouts

extension JSONValue {
    /// A document for a test.
    static func parse(_ text: String) throws -> JSONValue {
        try Array(text.utf8).withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            let value = try reader.value()
            try reader.finish()
            return value
        }
    }
}

@Suite struct DTypeTests {
    /// As NumPy 2 answers `np.dtype(spelling).str`.
    static let spellings: [(String, String)] = [
        ("?", "|b1"), ("b1", "|b1"), ("|b1", "|b1"), ("<b1", "|b1"), ("b", "|i1"), ("i1", "|i1"), ("B", "|u1"),
        ("u1", "|u1"),
        ("h", "<i2"), ("i2", "<i2"), ("<i2", "<i2"), (">i2", ">i2"), ("=i2", "<i2"), ("H", "<u2"), ("u2", "<u2"),
        ("i", "<i4"),
        ("i4", "<i4"), ("I", "<u4"), ("u4", "<u4"), ("l", "<i8"), ("q", "<i8"), ("p", "<i8"), ("i8", "<i8"),
        ("L", "<u8"),
        ("Q", "<u8"), ("P", "<u8"), ("u8", "<u8"), ("e", "<f2"), ("f2", "<f2"), ("f", "<f4"), ("f4", "<f4"),
        (">f4", ">f4"),
        ("d", "<f8"), ("f8", "<f8"), ("F", "<c8"), ("c8", "<c8"), (">c8", ">c8"), ("D", "<c16"), ("c16", "<c16"),
        ("bool", "|b1"), ("bool_", "|b1"), ("int8", "|i1"), ("uint8", "|u1"), ("float16", "<f2"), ("half", "<f2"),
        ("single", "<f4"), ("double", "<f8"), ("float", "<f8"), ("csingle", "<c8"), ("cdouble", "<c16"),
        ("complex", "<c16"),
        ("complex64", "<c8"), ("complex128", "<c16"), ("byte", "|i1"), ("ubyte", "|u1"), ("short", "<i2"),
        ("ushort", "<u2"),
        ("intc", "<i4"), ("uintc", "<u4"), ("int", "<i8"), ("int_", "<i8"), ("uint", "<u8"), ("intp", "<i8"),
        ("uintp", "<u8"),
        ("long", "<i8"), ("ulong", "<u8"), ("longlong", "<i8"), ("ulonglong", "<u8"), ("S8", "|S8"), ("a8", "|S8"),
        (">S8", "|S8"), ("U4", "<U4"), (">U4", ">U4"), ("<U4", "<U4"), ("|U4", "<U4"), ("M8[ns]", "<M8[ns]"),
        ("<M8[ns]", "<M8[ns]"), (">M8[25s]", ">M8[25s]"), ("datetime64[ns]", "<M8[ns]"), ("timedelta64[D]", "<m8[D]"),
        ("m8[us]", "<m8[us]"), (">m8[Y]", ">m8[Y]"), ("M8[as]", "<M8[as]"), ("M8[10ms]", "<M8[10ms]"),
        ("M8[1ns]", "<M8[ns]"),
        ("M8[2W]", "<M8[2W]"), ("M8[01s]", "<M8[s]"), ("bfloat16", "bfloat16"),
    ]

    @Test("NumPy's spellings mean what they mean to NumPy", arguments: spellings)
    func spelling(text: String, canonical: String) throws {
        let dtype = try DType(text)
        #expect(dtype.description == canonical)
        #expect(try DType(canonical) == dtype)
        #expect(try DType(JSONValue.string(text)) == dtype)
    }

    @Test(
        "the size of an element is NumPy's",
        arguments: [
            ("?", 1), ("i1", 1), ("i2", 2), (">i4", 4), ("i8", 8), ("f2", 2), ("f4", 4), ("f8", 8), ("bfloat16", 2),
            ("c8", 8),
            ("c16", 16), ("S1", 1), ("S77", 77), ("U3", 12), ("M8[ns]", 8), ("m8[D]", 8), ("f4,i2,S3", 9),
            ("S2147483647", Int(Int32.max)),
        ]
    )
    func sizes(text: String, byteCount: Int) throws { #expect(try DType(text).byteCount == byteCount) }

    @Test("every unit of time is known, the coarsest first")
    func units() throws {
        let units = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
        #expect(TimeUnit.Base.allCases.map(\.rawValue) == units)
        for unit in units {
            guard case .datetime(let read) = try DType("M8[\(unit)]").element else {
                Issue.record("expected a datetime")
                continue
            }
            #expect(read.description == unit && read.multiple == 1)
        }
    }

    @Test(
        "what is no dtype, or cannot be shared, is refused",
        arguments: [
            "", " ", "float33", "f3", "i3", "u0", "f16", "c32", "g", "G", "longdouble", "clongdouble", "float128", "O",
            "object", "|O", "V", "V8",
            "|V16", "S", "S0", "U", "U0", "S-1", "S1.5", "S 8", "S２", "S2147483648", "U536870912",
            "S99999999999999999999999", "<float32",
            ">bfloat16", "<bfloat16", "M8", "datetime64", "M8[]", "M8[x]", "M8[0s]", "M8[-1s]", "M8[2147483648s]",
            "M8[ns", "M8ns]", "M8[ns]x",
            "m8[generic]", "<", ">", "<<f4", "f4 ", "F4 ", "b8", "?1", "f4,,i4", ",", ",f4", "f4,x", "float32\0",
            "FLOAT32",
        ]
    )
    func refused(text: String) {
        let error = #expect(throws: LayoutError.self) { try DType(text) }
        guard case .invalidDType = error else {
            Issue.record("expected invalidDType, got \(String(describing: error))")
            return
        }
    }

    static let structures: [(String, String, Int)] = [
        (#"[["x","<f4"],["y","<i4"]]"#, #"[["x","<f4"],["y","<i4"]]"#, 8),
        (#"[["a","float64",[2,3]],["b","S3"]]"#, #"[["a","<f8",[2,3]],["b","|S3"]]"#, 51),
        (#"[["a","f8",3]]"#, #"[["a","<f8",[3]]]"#, 24), (#"[["a","f8",[]]]"#, #"[["a","<f8"]]"#, 8),
        (
            #"[["p",[["x",">i2"],["y","?"]]],["q","bfloat16"]]"#,
            #"[["p",[["x",">i2"],["y","|b1"]]],["q","bfloat16"]]"#, 5
        ),
        (#"[["é\"","M8[ns]"]]"#, #"[["é\"","<M8[ns]"]]"#, 8),
        (#""f4,>i2,S3""#, #"[["f0","<f4"],["f1",">i2"],["f2","|S3"]]"#, 9),
        (#""f4, i2""#, #"[["f0","<f4"],["f1","<i2"]]"#, 6), (#""f4,""#, #"[["f0","<f4"]]"#, 4),
    ]

    @Test("structured dtypes are fields one behind the other", arguments: structures)
    func structured(json: String, canonical: String, byteCount: Int) throws {
        let dtype = try DType(JSONValue.parse(json))
        #expect(dtype.description == canonical)
        #expect(dtype.byteCount == byteCount)
        #expect(try DType(JSONValue.parse(canonical)) == dtype)
        var offset = 0
        for field in dtype.fields {
            #expect(field.byteOffset == offset)
            offset += field.byteCount
        }
        #expect(offset == byteCount && !dtype.isBigEndian)
    }

    @Test(
        "what is no structured dtype is refused",
        arguments: [
            "[]", "[[]]", #"[["x"]]"#, #"[["x","f4",[1],2]]"#, #"[["","f4"]]"#, #"[["x","f4"],["x","i4"]]"#,
            #"[["x","O"]]"#, #"[[1,"f4"]]"#,
            #"["f4"]"#, #"[["x",[]]]"#, #"[["x","f4",[0]]]"#, #"[["x","f4",[2,0]]]"#,
            #"[["x","S2147483647"],["y","i1"]]"#, "1", "null", "true",
            #"{"x":"f4"}"#, #"[["x","f8",[4611686018427387904,4611686018427387904]]]"#, #"[["x","f8",[300000000]]]"#,
        ]
    )
    func refusedStructures(json: String) throws {
        let value = try JSONValue.parse(json)
        let error = #expect(throws: LayoutError.self) { try DType(value) }
        guard case .invalidDType = error else {
            Issue.record("expected invalidDType, got \(String(describing: error))")
            return
        }
    }

    @Test(
        "a field's shape that is none is refused",
        arguments: [#"[["x","f4",[-1]]]"#, #"[["x","f4",-1]]"#, #"[["x","f4",[1.5]]]"#, #"[["x","f4","2"]]"#]
    )
    func refusedFieldShapes(json: String) throws {
        let value = try JSONValue.parse(json)
        #expect(throws: LayoutError.self) { try DType(value) }
    }

    @Test("fields whose names are equal to Unicode but not in their bytes are two fields, as in NumPy")
    func canonicalNames() throws {
        let value = try JSONValue.parse(#"[["\u00e9","f4"],["e\u0301","i4"]]"#)
        #expect(throws: Never.self) { try DType(value) }
    }

    @Test("a buffer spells bfloat16 as the integers that it looks like")
    func bufferSpelling() throws {
        #expect(try DType("bfloat16").bufferDType.description == "<u2")
        #expect(try DType(">f4").bufferDType.description == ">f4")
    }
}
