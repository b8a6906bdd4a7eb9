import Layouts
import TestSupport
import Testing

@testable import Representations

@Suite struct PackedArrayTests {
    private func expectMismatch(_ body: () throws -> Void) {
        var error: RepresentationError?
        do { try body() } catch let thrown as RepresentationError { error = thrown } catch { Issue.record(error) }
        guard case .shapeMismatch = error else {
            Issue.record("expected shapeMismatch, got \(String(describing: error))")
            return
        }
    }

    static let broadcasts: [([Int], [Int], [UInt8])] = [
        ([], [], [1]), ([], [3], [1, 1, 1]), ([1], [3], [1, 1, 1]), ([3], [3], [1, 2, 3]), ([1], [], [1]),
        ([1, 1], [], [1]), ([1, 3], [3], [1, 2, 3]), ([1, 1, 2], [3, 2], [1, 2, 1, 2, 1, 2]),
        ([3], [2, 3], [1, 2, 3, 1, 2, 3]),
        ([2, 1], [2, 3], [1, 1, 1, 2, 2, 2]), ([2, 1, 2], [2, 3, 2], [1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]),
        ([1], [2, 3], [1, 1, 1, 1, 1, 1]), ([1, 2], [3, 2], [1, 2, 1, 2, 1, 2]), ([], [0], []), ([1], [0, 5], []),
        ([0], [0], []), ([0], [2, 0], []),
        ([2, 1], [1, 2, 2], [1, 1, 2, 2]), ([1, 2, 1], [2, 2, 2], [1, 1, 2, 2, 1, 1, 2, 2]),
        ([], [2, 2, 2], [UInt8](repeating: 1, count: 8)), ([1], [7], [UInt8](repeating: 1, count: 7)),
    ]

    @Test("a value stretches by NumPy's rule for assignment", arguments: broadcasts)
    func broadcast(from shape: [Int], to target: [Int], expected: [UInt8]) throws {
        let count = shape.reduce(1, *)
        let bytes = (0..<count).map { UInt8($0 + 1) }
        #expect(try Arrays.array(bytes, "u1", shape).broadcast(to: target).copy == expected)
        let wide = try Arrays.array(bytes.flatMap { [$0, 0, 0, 0] }, "<i4", shape).broadcast(to: target)
        #expect(wide.shape == target && wide.copy == expected.flatMap { [$0, 0, 0, 0] })
    }

    @Test(
        "a value that does not stretch is a mismatch",
        arguments: [
            ([2], [3]), ([2], []), ([3, 1], [3]), ([2, 3], [3]), ([2, 3], [2]), ([0], [1]), ([0], [3]), ([2], [0]),
            ([3, 2], [2, 3]), ([2, 2], [2, 1]),
        ] as [([Int], [Int])]
    )
    func broadcastMismatch(from shape: [Int], to target: [Int]) {
        expectMismatch { _ = try PackedArray(dtype: DType("u1"), shape: shape).broadcast(to: target) }
    }

    @Test("Fortran order becomes C order")
    func fortran() throws {
        #expect(
            try Arrays.array([1, 2, 3, 4, 5, 6], "u1", [2, 3]).transposedFromFortranOrder().copy == [1, 3, 5, 2, 4, 6]
        )
        #expect(
            try Arrays.array((1...8).map { UInt8($0) }, "u1", [2, 2, 2]).transposedFromFortranOrder().copy == [
                1, 5, 3, 7, 2, 6, 4, 8,
            ]
        )
        #expect(try Arrays.array([1, 2], "u1", [2]).transposedFromFortranOrder().copy == [1, 2])
        #expect(try Arrays.array([7], "u1", []).transposedFromFortranOrder().copy == [7])
        #expect(try Arrays.array([], "u1", [2, 0]).transposedFromFortranOrder().copy == [])
        #expect(
            try Arrays.array([1, 0, 2, 0, 3, 0, 4, 0], "<u2", [2, 2]).transposedFromFortranOrder().copy == [
                1, 0, 3, 0, 2, 0, 4, 0,
            ]
        )
    }

    /// From, its JSON, to, its JSON.
    static let casts: [(String, String, String, String)] = [
        ("i1", "[-128,127]", "<i8", "[-128,127]"), ("<i8", "[-128,127]", "i1", "[-128,127]"),
        ("<i4", "[1,2]", ">i4", "[1,2]"), (">i4", "[1,-2]", "<f8", "[1.0,-2.0]"), ("<f8", "[1.0,-0.0]", "i1", "[1,0]"),
        ("<f8", "[0.1,null]", "<f4", "[0.1,null]"), ("<f4", "[0.5]", "<f2", "[0.5]"),
        ("<f4", #"["Infinity"]"#, "<f2", #"["Infinity"]"#),
        ("<f8", "[1.0]", "bfloat16", "[1.0]"), ("bfloat16", "[0.1]", "<f4", "[0.100097656]"),
        ("<f8", "[1e19]", "<u8", "[10000000000000000000]"),
        ("<u8", "[18446744073709551615]", "<f8", "[1.8446744073709552e+19]"),
        ("<i8", "[9007199254740993]", "<f8", "[9007199254740992.0]"), ("<f4", "[1.5]", "<c8", "[[1.5,0.0]]"),
        ("<c8", "[[1.5,0.0]]", "<f4", "[1.5]"),
        ("<c8", "[[1.5,2.5]]", ">c16", "[[1.5,2.5]]"), ("<i4", "[3]", "<c16", "[[3.0,0.0]]"),
        ("?", "[true]", "?", "[true]"), ("<i4", "[0,1]", "?", "[false,true]"), ("<f8", "[1.0]", "?", "[true]"),
        ("S3", #"["abc","a"]"#, "S5", #"["abc","a"]"#), ("S5", #"["abc","a"]"#, "S3", #"["abc","a"]"#),
        ("S4", #"["é"]"#, "<U1", #"["é"]"#),
        ("<U2", #"["é"]"#, "S2", #"["é"]"#), ("<U2", #"["ab"]"#, ">U3", #"["ab"]"#),
        ("<M8[s]", #"["2024-01-01T00:00:00",null]"#, "<M8[ns]", #"["2024-01-01T00:00:00",null]"#),
        ("<M8[ns]", #"["2024-01-01T00:00:00"]"#, ">M8[D]", #"["2024-01-01T00:00:00"]"#),
        ("<M8[D]", #"["2024-01-01T00:00:00"]"#, "<M8[Y]", #"["2024-01-01T00:00:00"]"#),
        ("<m8[s]", "[5,null]", "<m8[ms]", "[5000,null]"), ("<m8[ms]", "[5000]", ">m8[s]", "[5]"),
        ("<i8", "[5]", "<m8[s]", "[5]"), ("<u2", "[16256]", "bfloat16", "[1.0]"),
        (">u2", "[16256]", "bfloat16", "[1.0]"),
        (#"[["x","<f4"],["y","i1",[2]]]"#, "[[1.0,[2,3]]]", #"[["x",">f8"],["y","<i4",[2]]]"#, "[[1.0,[2,3]]]"),
        ("<i4", "[]", "<f8", "[]"), ("<i4", "5", "<f8", "5.0"),
    ]

    @Test("values of one dtype become values of another", arguments: casts)
    func cast(from: String, json: String, to: String, expected: String) throws {
        let target = try DType(Arrays.value(to))
        #expect(Arrays.json(try Arrays.read(json, from).converted(to: target)) == expected)
    }

    static let impossible: [(String, String, String)] = [
        ("<i8", "[128]", "i1"), ("<i4", "[-1]", "<u8"), ("<f8", "[1.5]", "<i4"), ("<f8", "[null]", "<i4"),
        ("<f8", #"["Infinity"]"#, "<i8"), ("<f8", "[1e39]", "<f4"), ("<f4", "[65520.0]", "<f2"),
        ("<f8", "[3.4e38]", "bfloat16"), ("<f8", "[9.3e18]", "<i8"), ("<u8", "[9223372036854775808]", "<i8"),
        ("?", "[true]", "<i4"), ("?", "[true]", "<f8"), ("<i4", "[2]", "?"), ("<f8", "[0.5]", "?"),
        ("<c8", "[[1.0,2.0]]", "<f4"), ("<c8", "[[1.0,0.0]]", "S4"), ("S3", #"["abc"]"#, "S2"),
        ("<U2", #"["é"]"#, "S1"), ("<U3", #"["abc"]"#, "<U2"), ("S2", #"[{"base64":"//8="}]"#, "<U2"),
        ("S1", #"["1"]"#, "<i4"), ("<i4", "[1]", "S1"), ("<i8", "[5]", "<M8[s]"), ("<i4", "[5]", "<M8[s]"),
        ("<M8[s]", #"["2024-01-01"]"#, "<i8"), ("<M8[s]", #"["2024-01-01T00:00:01"]"#, "<M8[D]"),
        ("<M8[D]", #"["2300-01-01"]"#, "<M8[ns]"),
        ("<m8[ms]", "[1]", "<m8[s]"), ("<m8[M]", "[1]", "<m8[D]"), ("<m8[s]", "[1]", "<M8[s]"),
        ("<M8[s]", #"["1970-01-01"]"#, "<m8[s]"), (#"[["x","<f4"]]"#, "[[1.5]]", #"[["x","i1"]]"#),
        (#"[["x","<f4"]]"#, "[[1.5]]", "<f4"), ("<f4", "[1.5]", #"[["x","<f4"]]"#), ("<f8", "[5.0]", "<M8[s]"),
        ("<f8", "[1.0]", "S4"),
    ]

    @Test("values that the dtype cannot hold are out of range", arguments: impossible)
    func refusedCast(from: String, json: String, to: String) throws {
        var error: RepresentationError?
        do { _ = try Arrays.read(json, from).converted(to: DType(Arrays.value(to))) } catch let thrown
            as RepresentationError
        { error = thrown }
        guard case .valueOutOfRange = error else {
            Issue.record("expected valueOutOfRange, got \(String(describing: error))")
            return
        }
    }

    @Test(
        "structures of other fields are a mismatch",
        arguments: [#"[["y","<f4"]]"#, #"[["x","<f4"],["y","<f4"]]"#, #"[["x","<f4",[1]]]"#]
    )
    func fields(to: String) {
        expectMismatch { _ = try Arrays.read("[[1.5]]", #"[["x","<f4"]]"#).converted(to: DType(Arrays.value(to))) }
    }

    @Test("memory that no machine has is an error", arguments: [[1 << 62, 4], [1 << 60], [Int.max]])
    func noMemory(shape: [Int]) {
        var error: RepresentationError?
        do { _ = try PackedArray(dtype: DType("f8"), shape: shape) } catch let thrown as RepresentationError {
            error = thrown
        } catch { Issue.record(error) }
        guard case .outOfMemory = error else {
            Issue.record("expected outOfMemory, got \(String(describing: error))")
            return
        }
    }
}
