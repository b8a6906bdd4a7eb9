import Testing

@testable import Layouts

/// What `where` keeps: as NumPy and pandas compare.
@Suite struct RowConditionTests {
    private func kept<Element>(
        _ condition: String,
        _ values: [Element],
        _ dtype: String,
        zone: String? = nil,
        count: Int? = nil
    ) throws -> [Bool] {
        var mask = [Bool](repeating: true, count: count ?? values.count)
        try values.withUnsafeBytes { bytes in
            let base = try #require(bytes.baseAddress)
            try RowCondition(condition).narrow(&mask, by: base, ValueType(DType(dtype), zone: zone))
        }
        return mask
    }

    @Test(
        "floats: -0.0 is 0.0, and NaN is unequal to everything",
        arguments: [
            ("==0", [false, true, true, false, false]), ("!=0", [true, false, false, true, true]),
            ("<0", [true, false, false, false, false]), (">=-0.0", [false, true, true, false, true]),
            ("==nan", [false, false, false, false, false]), ("!=NaN", [true, true, true, true, true]),
            (">60000", [false, false, false, false, true]), ("<=inf", [true, true, true, false, true]),
        ]
    )
    func floats(_ comparison: String, _ expected: [Bool]) throws {
        #expect(try kept("x\(comparison)", [-1.5, -0.0, 0.0, .nan, .infinity], "float64") == expected)
        #expect(try kept("x\(comparison)", [-1.5, -0.0, 0.0, .nan, .infinity] as [Float], "float32") == expected)
        #expect(try kept("x\(comparison)", [-1.5, -0.0, 0.0, .nan, .infinity] as [Float16], "float16") == expected)
    }

    @Test(
        "integers beside numbers with a point",
        arguments: [
            ("==1.0", [false, false, true, false]), (">0.5", [false, false, true, true]),
            ("<=1", [true, true, true, false]), ("!=1.5", [true, true, true, true]),
            ("<inf", [true, true, true, true]),
            (">=-1e0", [true, true, true, true]), ("==99999999999999999999", [false, false, false, false]),
            ("<99999999999999999999", [true, true, true, true]),
        ]
    )
    func integers(_ comparison: String, _ expected: [Bool]) throws {
        #expect(try kept("x\(comparison)", [-1, 0, 1, 2] as [Int64], "int64") == expected)
        #expect(try kept("x\(comparison)", [-1, 0, 1, 2] as [Int8], "int8") == expected)
    }

    @Test(
        "uint64 beyond 2^63",
        arguments: [
            ("==9223372036854775808", [false, true, false]), (">9223372036854775807", [false, true, true]),
            ("<-1", [false, false, false]), ("!=18446744073709551615", [true, true, false]),
            (">=18446744073709551616", [false, false, false]),
        ]
    )
    func unsigned(_ comparison: String, _ expected: [Bool]) throws {
        #expect(try kept("x\(comparison)", [0, 1 << 63, .max] as [UInt64], "uint64") == expected)
    }

    /// 2023-12-31T23:59:59, 2024-01-01, 2024-01-15, NaT, 2024-02-01.
    private static let instants: [Int64] = [1_704_067_199, 1_704_067_200, 1_705_276_800, .min, 1_706_745_600]

    @Test(
        "instants: a date is its first moment, NaT is unequal to everything",
        arguments: [
            (">=2024-01-01", [false, true, true, false, true]), ("==2024-01-15", [false, false, true, false, false]),
            ("<2024-02", [true, true, true, false, false]), (">2024-01-15", [false, false, false, false, true]),
            ("!=2024-01-15", [true, true, false, true, true]), ("<=2024", [true, true, false, false, false]),
            ("!=NaT", [true, true, true, true, true]), ("==NaT", [false, false, false, false, false]),
            (">2023-12-31T23:59:58.5", [true, true, true, false, true]),
        ]
    )
    func times(_ comparison: String, _ expected: [Bool]) throws {
        #expect(try kept("at\(comparison)", Self.instants, "datetime64[s]") == expected)
    }

    @Test("instants of a zone are compared by its clock")
    func zones() throws {
        let berlin = "Europe/Berlin"
        #expect(
            try kept("at>=2024-01-01T01:00", Self.instants, "datetime64[s]", zone: berlin)
                == [false, true, true, false, true]
        )
        #expect(
            try kept("at<2024-01-01T00:00Z", Self.instants, "datetime64[s]", zone: berlin)
                == [true, false, false, false, false]
        )
        #expect(throws: LayoutError.self) { try kept("at<2024-01-01T00:00Z", Self.instants, "datetime64[s]") }
        #expect(try kept("d>=1h", [3_599, 3_600, .min] as [Int64], "timedelta64[s]") == [false, true, false])
        #expect(try kept("d==PT1H", [3_599, 3_600, .min] as [Int64], "timedelta64[s]") == [false, true, false])
    }

    @Test("texts are compared by their bytes, without their padding")
    func texts() throws {
        let bytes = Array("ab\0\0b\0\0\0\0\0\0\0".utf8)
        #expect(try kept("s==ab", bytes, "S4", count: 3) == [true, false, false])
        #expect(try kept("s>=b", bytes, "S4", count: 3) == [false, true, false])
        #expect(try kept(#"s!="""#, bytes, "S4", count: 3) == [true, true, false])
        let points = "aé\0zz\0".unicodeScalars.map(\.value)
        #expect(try kept("s==aé", points, "U3", count: 2) == [true, false])
        #expect(try kept("s<b", points, "U3", count: 2) == [true, false])
        #expect(try kept(#"s=="aé""#, points, "U3", count: 2) == [true, false])
    }

    @Test("bools are true and false")
    func bools() throws {
        #expect(try kept("ok==true", [1, 0, 1] as [UInt8], "bool") == [true, false, true])
        #expect(try kept("ok!=False", [1, 0, 1] as [UInt8], "bool") == [true, false, true])
        #expect(throws: LayoutError.self) { try kept("ok==1", [1, 0, 1] as [UInt8], "bool") }
    }

    @Test("a mask that was narrowed stays narrow")
    func narrowed() throws {
        var mask = [true, false, true]
        try [1, 2, 3].withUnsafeBytes { bytes in
            try RowCondition("x>1").narrow(&mask, by: #require(bytes.baseAddress), ValueType(DType("int64")))
        }
        #expect(mask == [false, false, true])
    }

    @Test("labels are compared at their positions")
    func labels() throws {
        let index = LabelIndex(LabelContents(["b", "a", "c"], name: "k"))
        var mask = [true, true, true, true]
        try RowCondition("index>=b").narrow(&mask, byLabels: index, at: [2, 1, 0, 1])
        #expect(mask == [true, false, true, false])
        let floats = LabelIndex(LabelContents([.nan, -0.0, 2]))
        for (condition, expected) in [("index>=0", [false, true, true]), ("index!=2", [true, true, false])] {
            mask = [true, true, true]
            try RowCondition(condition).narrow(&mask, byLabels: floats, at: [0, 1, 2])
            #expect(mask == expected, "\(condition)")
        }
    }

    @Test(
        "a condition is a name, a comparison and a value",
        arguments: [
            ("a>1", "a"), ("index<=2024-01-01", "index"), (#""a b">1"#, "a b"), (#""a\"=b"==x"#, #"a"=b"#),
            ("é==x", "é"),
            ("a==b==c", "a"), ("a>=", "a"), ("columns/a!=1", "columns/a"),
        ]
    )
    func grammar(_ text: String, _ column: String) throws { #expect(try RowCondition(text).column == column) }

    @Test("what is none of it is refused", arguments: ["", "a", "a=1", "a~1", #""a"b>1"#, "a!1", #"a=="x"#])
    func refused(_ text: String) { #expect(throws: LayoutError.self) { try RowCondition(text) } }

    @Test(
        "what has no order, or is no value of the column, is refused",
        arguments: [
            ("x>1", "complex64"), ("x>1", "bfloat16"), ("x>y", "float64"), (#"x>"1""#, "int64"), ("x>", "int32"),
        ]
    )
    func incomparable(_ condition: String, _ dtype: String) {
        #expect(throws: LayoutError.self) { try kept(condition, [0, 0] as [Int64], dtype, count: 1) }
    }
}
