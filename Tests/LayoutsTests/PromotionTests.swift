import Testing

@testable import Layouts

/// The dtype that a row of a frame has, as pandas 3.1 and NumPy 2.4 say.
@Suite struct PromotionTests {
    static let names = [
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
        "float64", "complex64", "complex128",
    ]

    /// Of two columns, in the order of the names; - for Python objects.
    static let table: [String: String] = [
        "bool": "b1 - - - - - - - - - - - - -",
        "int8": "- i1 i2 i4 i8 i2 i4 i8 f8 f2 f4 f8 c8 c16",
        "int16": "- i2 i2 i4 i8 i2 i4 i8 f8 f4 f4 f8 c8 c16",
        "int32": "- i4 i4 i4 i8 i4 i4 i8 f8 f8 f8 f8 c16 c16",
        "int64": "- i8 i8 i8 i8 i8 i8 i8 f8 f8 f8 f8 c16 c16",
        "uint8": "- i2 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16",
        "uint16": "- i4 i4 i4 i8 u2 u2 u4 u8 f4 f4 f8 c8 c16",
        "uint32": "- i8 i8 i8 i8 u4 u4 u4 u8 f8 f8 f8 c16 c16",
        "uint64": "- f8 f8 f8 f8 u8 u8 u8 u8 f8 f8 f8 c16 c16",
        "float16": "- f2 f4 f8 f8 f2 f4 f8 f8 f2 f4 f8 c8 c16",
        "float32": "- f4 f4 f8 f8 f4 f4 f8 f8 f4 f4 f8 c8 c16",
        "float64": "- f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 c16 c16",
        "complex64": "- c8 c8 c16 c16 c8 c8 c16 c16 c8 c8 c16 c8 c16",
        "complex128": "- c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16",
    ]

    @Test("two columns have the dtype that pandas gives to a row of them", arguments: names)
    func pairs(_ name: String) throws {
        let row = try #require(Self.table[name]).split(separator: " ")
        for (other, expected) in zip(Self.names, row) {
            let common = DType.common(of: [try DType(name), try DType(other)])
            let wanted = expected == "-" ? nil : try DType(String(expected))
            #expect(common == wanted, "\(other)")
        }
    }

    @Test(
        "more columns are promoted together, not one after the other",
        arguments: [
            (["int8", "uint8", "int16"], "int16"), (["uint8", "int8", "float16"], "float16"),
            (["int8", "uint16", "uint32"], "int64"), (["uint64", "int64", "float32"], "float64"),
            (["datetime64[ns]", "datetime64[ns]"], "datetime64[ns]"), (["timedelta64[s]", "timedelta64[s]"], "m8[s]"),
            (["float32"], "float32"), (["bool"], "bool"), (["bfloat16", "bfloat16"], "bfloat16"),
        ]
    )
    func several(_ names: [String], _ expected: String) throws {
        let dtypes = try names.map { try DType($0) }
        let dtype = try DType(expected)
        #expect(DType.common(of: dtypes) == dtype)
    }

    @Test(
        "columns without a common dtype are objects",
        arguments: [
            [], ["S4", "S4"], ["U4"], ["datetime64[ns]", "int64"], ["datetime64[ns]", "timedelta64[ns]"],
            ["bool", "int8"],
            ["f4,i4", "f4,i4"],
        ]
    )
    func objects(_ names: [String]) throws {
        let dtypes = try names.map { try DType($0) }
        #expect(DType.common(of: dtypes) == nil)
    }

    @Test("times of several units have the finest of them")
    func times() throws {
        let instants = [try DType("datetime64[s]"), try DType("datetime64[ns]")]
        let durations = [try DType("timedelta64[ms]"), try DType("timedelta64[s]")]
        #expect(DType.common(of: instants) == instants[1])
        #expect(DType.common(of: durations) == durations[0])
    }
}
