import Documents
import Layouts
import Segments
import TestSupport
import Testing

@testable import Representations

@Suite struct ArrayJSONTests {
    /// dtype, JSON, shape, bytes: both ways.
    static let elements: [(String, String, [Int], [UInt8])] = [
        ("?", "[true,false]", [2], [1, 0]), ("i1", "[-128,127]", [2], [0x80, 0x7F]), ("u1", "[0,255]", [2], [0, 0xFF]),
        ("<i2", "[-32768,258]", [2], [0, 0x80, 2, 1]), (">i2", "[-32768,258]", [2], [0x80, 0, 1, 2]),
        ("<u2", "65535", [], [0xFF, 0xFF]), (">u2", "258", [], [1, 2]), ("<i4", "-2147483648", [], [0, 0, 0, 0x80]),
        (">i4", "[[1],[-2]]", [2, 1], [0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE]),
        ("<u4", "4294967295", [], [0xFF, 0xFF, 0xFF, 0xFF]),
        (">u4", "1", [], [0, 0, 0, 1]), ("<i8", "-9223372036854775808", [], [0, 0, 0, 0, 0, 0, 0, 0x80]),
        (">i8", "9223372036854775807", [], [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("<u8", "18446744073709551615", [], [UInt8](repeating: 0xFF, count: 8)),
        (">u8", "1", [], [0, 0, 0, 0, 0, 0, 0, 1]),
        ("<f2", "[1.0,-0.0,65504.0,\"Infinity\"]", [4], [0, 0x3C, 0, 0x80, 0xFF, 0x7B, 0, 0x7C]),
        (">f2", "0.1", [], [0x2E, 0x66]),
        ("bfloat16", "[1.0,0.1,\"-Infinity\"]", [3], [0x80, 0x3F, 0xCD, 0x3D, 0x80, 0xFF]),
        ("<f4", "[0.1,-0.0,null]", [3], [0xCD, 0xCC, 0xCC, 0x3D, 0, 0, 0, 0x80, 0, 0, 0xC0, 0x7F]),
        (">f4", "1.0", [], [0x3F, 0x80, 0, 0]),
        (
            "<f8", "[0.1,\"-Infinity\"]", [2],
            [0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F, 0, 0, 0, 0, 0, 0, 0xF0, 0xFF]
        ), (">f8", "1.0", [], [0x3F, 0xF0, 0, 0, 0, 0, 0, 0]),
        ("<c8", "[[1.0,-0.0]]", [1], [0, 0, 0x80, 0x3F, 0, 0, 0, 0x80]),
        (">c8", "[1.0,2.0]", [], [0x3F, 0x80, 0, 0, 0x40, 0, 0, 0]),
        ("<c16", "[null,\"Infinity\"]", [], [0, 0, 0, 0, 0, 0, 0xF8, 0x7F, 0, 0, 0, 0, 0, 0, 0xF0, 0x7F]),
        (">c16", "[[[1.0,0.0]]]", [1, 1], [0x3F, 0xF0] + [UInt8](repeating: 0, count: 14)),
        ("S3", #"["","ab","é\n","a\u0000b"]"#, [4], [0, 0, 0, 97, 98, 0, 0xC3, 0xA9, 10, 97, 0, 98]),
        ("S2", #"{"base64":"/w=="}"#, [], [0xFF, 0]), ("S3", #"[{"base64":"AP8B"}]"#, [1], [0, 0xFF, 1]),
        ("<U2", #"["","é𝄞"]"#, [2], [0, 0, 0, 0, 0, 0, 0, 0, 0xE9, 0, 0, 0, 0x1E, 0xD1, 1, 0]),
        (">U1", #""a""#, [], [0, 0, 0, 97]),
        (
            "<M8[ns]", #"["1970-01-01T00:00:00.000000001",null]"#, [2],
            [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]
        ),
        (">M8[D]", #""1970-01-02T00:00:00""#, [], [0, 0, 0, 0, 0, 0, 0, 1]),
        ("<M8[25s]", #""1970-01-01T00:00:50""#, [], [2, 0, 0, 0, 0, 0, 0, 0]),
        ("<m8[us]", "[-1,null]", [2], [UInt8](repeating: 0xFF, count: 8) + [0, 0, 0, 0, 0, 0, 0, 0x80]),
        (">m8[s]", "5", [], [0, 0, 0, 0, 0, 0, 0, 5]),
        (#"[["x","<f4"],["y",">i2"]]"#, "[[1.0,2],[0.0,-1]]", [2], [0, 0, 0x80, 0x3F, 0, 2, 0, 0, 0, 0, 0xFF, 0xFF]),
        (#"[["x","i1",[2,2]],["s","S2"]]"#, #"[[[1,2],[3,4]],"a"]"#, [], [1, 2, 3, 4, 97, 0]),
        (#"[["c","<c8"],["p",[["q","?"]]]]"#, "[[[1.0,0.0],[true]]]", [1], [0, 0, 0x80, 0x3F, 0, 0, 0, 0, 1]),
        ("<i4", "[]", [0], []), ("<i4", "[[],[]]", [2, 0], []), ("<f8", "[[[]]]", [1, 1, 0], []),
        ("i1", "[[[1,2],[3,4]],[[5,6],[7,8]],[[9,10],[11,12]]]", [3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ]

    @Test("elements of every dtype are written and read as the contract says", arguments: elements)
    func bothWays(dtype: String, json: String, shape: [Int], bytes: [UInt8]) throws {
        #expect(Arrays.json(try Arrays.array(bytes, dtype, shape)) == json)
        let array = try Arrays.read(json, dtype)
        #expect(array.shape == shape && array.copy == bytes)
    }

    /// More spellings that are only read.
    static let spellings: [(String, String, [UInt8])] = [
        ("i1", "1.0", [1]), ("i1", "-1e0", [0xFF]), ("i1", "1e2", [100]), ("i1", "-0", [0]), ("?", "1", [1]),
        ("?", "0.0", [0]), ("<i8", #""-5""#, [0xFB] + [UInt8](repeating: 0xFF, count: 7)),
        ("<u8", #""18446744073709551615""#, [UInt8](repeating: 0xFF, count: 8)),
        ("<f4", #""NaN""#, [0, 0, 0xC0, 0x7F]), ("<f4", "3", [0, 0, 0x40, 0x40]), ("<f4", "1e-60", [0, 0, 0, 0]),
        ("<c8", "2", [0, 0, 0, 0x40, 0, 0, 0, 0]), ("<c8", "null", [0, 0, 0xC0, 0x7F, 0, 0, 0, 0]),
        ("<M8[s]", "5", [5, 0, 0, 0, 0, 0, 0, 0]),
        ("<M8[s]", #""1970-01-01""#, [UInt8](repeating: 0, count: 8)),
        ("<M8[s]", #""1970-01-01T01:00:05+01:00""#, [5, 0, 0, 0, 0, 0, 0, 0]),
        ("<M8[s]", #""NaT""#, [0, 0, 0, 0, 0, 0, 0, 0x80]), ("<m8[s]", #""P0DT0H0M5S""#, [5, 0, 0, 0, 0, 0, 0, 0]),
        ("<m8[s]", #""5""#, [5, 0, 0, 0, 0, 0, 0, 0]),
        ("S4", #""\u0061""#, [97, 0, 0, 0]), ("<f2", "65519.99", [0xFF, 0x7B]),
        ("<f4", "3.4028235e38", [0xFF, 0xFF, 0x7F, 0x7F]), ("<u8", "1e19", [0, 0, 0xE8, 0x89, 4, 0x23, 0xC7, 0x8A]),
        ("<f8", "123456789012345678901234567890", [0x3E, 0x37, 0x6C, 0xFF, 0x90, 0xEE, 0xF8, 0x45]),
    ]

    @Test("other spellings of a value are read too", arguments: spellings)
    func readsSpellings(dtype: String, json: String, bytes: [UInt8]) throws {
        #expect(try Arrays.read(json, dtype).copy == bytes)
    }

    static let outOfRange: [(String, String)] = [
        ("i1", "128"), ("i1", "-129"), ("i1", "300"), ("u1", "-1"), ("u1", "256"), ("i4", "1.5"), ("i4", "2147483648"),
        ("i8", "9223372036854775808"), ("u8", "18446744073709551616"), ("u8", "-1"), ("i8", "1e19"), ("i4", "1e999"),
        ("i4", "null"), ("i4", "true"), ("i4", #""5""#),
        ("i4", #""Infinity""#), ("i8", #""5.0""#), ("i8", #"" 5""#), ("?", "2"), ("?", "-1"), ("?", "0.5"),
        ("?", #""true""#), ("?", "null"), ("f4", "1e39"), ("f4", "3.4028236e38"), ("f8", "1e309"), ("f8", "-1e999999"),
        ("f2", "65520"), ("bfloat16", "3.4e38"), ("f4", "true"), ("f4", #""1.0""#), ("f4", #""nan""#),
        ("f4", #""inf""#), ("c8", "[1e39,0]"), ("c8", #"["x",0]"#), ("S2", #""abc""#), ("S1", #""é""#), ("S2", "5"),
        ("S2", "null"), ("S2", #"{"base64":"AAAA"}"#), ("S2", #"{"base64":"A"}"#), ("S2", #"{"base64":"AA==","x":1}"#),
        ("S2", #"{"data":"AA=="}"#), ("S2", "{}"), ("S2", #"{"base64":1}"#), ("U1", #""ab""#),
        ("U2", #"{"base64":"AA=="}"#), ("U2", "1"), ("i4", "{}"), ("M8[s]", #""x""#), ("M8[s]", #""2024-13""#),
        ("M8[s]", #""1970-01-01T00:00:00.5""#), ("M8[ns]", #""2300-01-01""#), ("M8[s]", "1.5"), ("M8[s]", "true"),
        ("m8[s]", #""PT0.5S""#), ("m8[s]", #""x""#), ("m8[s]", "9223372036854775808"),
        ("M8[D]", #""1970-01-01T12:00""#),
        (#"[["x","i1"]]"#, "[300]"), (#"[["x","S1"]]"#, #"["ab"]"#),
    ]

    @Test("a value that the dtype cannot hold is out of range", arguments: outOfRange)
    func refusesValues(dtype: String, json: String) {
        for text in [json, dtype.hasPrefix("[") ? "[\(json)]" : "[\(json)]"] {
            var error: RepresentationError?
            do { _ = try Arrays.read(text, dtype) } catch let thrown as RepresentationError { error = thrown } catch {
                Issue.record(error)
            }
            guard case .valueOutOfRange = error else {
                Issue.record("\(text): expected valueOutOfRange, got \(String(describing: error))")
                return
            }
        }
    }

    static let shapes: [(String, String)] = [
        ("i4", "[[1,2],[3]]"), ("i4", "[[1],[2,3]]"), ("i4", "[1,[2]]"), ("i4", "[[1],2]"), ("i4", "[[],[1]]"),
        ("i4", "[[1],[]]"), ("i4", "[[[1]],[2]]"), ("c8", "[[1,2,3]]"), ("c8", "[1,2,3]"), ("c8", "[1]"),
        (#"[["x","i4"],["y","i4"]]"#, "[1]"), (#"[["x","i4"],["y","i4"]]"#, "[1,2,3]"), (#"[["x","i4"]]"#, "1"),
        (#"[["x","i4",[2]]]"#, "[[1]]"), (#"[["x","i4",[2]]]"#, "[1]"), (#"[["x","i4",[2]]]"#, "[[1,2,3]]"),
        ("i1", String(repeating: "[", count: 65) + "1" + String(repeating: "]", count: 65)),
    ]

    @Test("lists that are no array are a mismatch of shapes", arguments: shapes)
    func refusesShapes(dtype: String, json: String) {
        var error: RepresentationError?
        do { _ = try Arrays.read(json, dtype) } catch let thrown as RepresentationError { error = thrown } catch {
            Issue.record(error)
        }
        guard case .shapeMismatch = error else {
            Issue.record("expected shapeMismatch, got \(String(describing: error))")
            return
        }
    }

    @Test(
        "what is no JSON is said to be none",
        arguments: [
            "", "[", "[1,", "[1,]", "[1 2]", "x", "[1,x]", #""\ud800""#, #"{"base64":"#,
            String(repeating: "[", count: 100_000),
        ]
    )
    func refusesSyntax(json: String) {
        for dtype in ["i4", "S8", "c8"] {
            var error: RepresentationError?
            do { _ = try Arrays.read(json, dtype) } catch let thrown as RepresentationError { error = thrown } catch {
                Issue.record(error)
            }
            guard case .invalidJSON = error else {
                Issue.record("expected invalidJSON, got \(String(describing: error))")
                return
            }
        }
    }

    @Test("options change how values are spelled")
    func options() throws {
        var options = JSONOptions()
        options.nanAsString = true
        options.int64AsString = true
        options.timedeltaAsISO = true
        options.replacesInvalidText = true
        #expect(Arrays.json(try Arrays.read("[null,1]", "f4"), options) == #"["NaN",1.0]"#)
        #expect(Arrays.json(try Arrays.read("[null,1]", "f2"), options) == #"["NaN",1.0]"#)
        #expect(Arrays.json(try Arrays.read("[-5]", "i8"), options) == #"["-5"]"#)
        #expect(Arrays.json(try Arrays.read("[5]", ">u8"), options) == #"["5"]"#)
        #expect(Arrays.json(try Arrays.read("[5]", "i4"), options) == "[5]")
        #expect(Arrays.json(try Arrays.read("[90,null]", "m8[s]"), options) == #"["P0DT0H1M30S",null]"#)
        #expect(Arrays.json(try Arrays.array([0xFF, 97], "S2", []), options) == "\"\u{FFFD}a\"")
    }

    @Test("code points that are no scalars become replacement characters, and any byte is a truth")
    func oddities() throws {
        #expect(Arrays.json(try Arrays.array([0, 0xD8, 0, 0, 97, 0, 0, 0], "<U2", [])) == "\"\u{FFFD}a\"")
        #expect(Arrays.json(try Arrays.array([0, 0, 0x11, 0, 0, 0, 0, 0], "<U2", [])) == "\"\u{FFFD}\"")
        #expect(Arrays.json(try Arrays.array([2, 0], "?", [2])) == "[true,false]")
        #expect(Arrays.json(try Arrays.array([1, 0, 0xC0, 0x7F], "<f4", [])) == "null")
    }

    @Test("every bfloat16 and every float16 reads back from its JSON as the same bits")
    func halves() throws {
        for (dtype, infinity) in [("bfloat16", 0x7F80), ("<f2", 0x7C00)] as [(String, UInt16)] {
            let patterns = (UInt16.min...UInt16.max).filter { $0 & 0x7FFF <= infinity }
            let bytes = patterns.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
            let json = Arrays.json(try Arrays.array(bytes, dtype, [patterns.count]))
            #expect(try Arrays.read(json, dtype).copy == bytes)
        }
    }

    @Test("shapes of many axes, and empty ones, have NumPy's brackets")
    func brackets() throws {
        #expect(Arrays.json(try PackedArray(dtype: DType("i1"), shape: [1, 2, 1, 2])) == "[[[[0,0]],[[0,0]]]]")
        #expect(Arrays.json(try PackedArray(dtype: DType("i1"), shape: [0, 3])) == "[]")
        #expect(Arrays.json(try PackedArray(dtype: DType("i1"), shape: [2, 0, 3])) == "[[],[]]")
        #expect(Arrays.json(try PackedArray(dtype: DType("i1"), shape: [2, 2, 0])) == "[[[],[]],[[],[]]]")
        let deep = Arrays.json(try PackedArray(dtype: DType("i1"), shape: [Int](repeating: 1, count: 64)))
        #expect(deep == String(repeating: "[", count: 64) + "0" + String(repeating: "]", count: 64))
        #expect(try Arrays.read(deep, "i1").shape.count == 64)
    }

    @Test(
        "a long text pauses now and then, whatever its elements, and one row of it too",
        arguments: ["<f8", "<f4", "<i8", "|b1"]
    )
    func pauses(dtype: String) throws {
        let type = try DType(.string(dtype))
        let count = 200_000
        for shape in [[count], [count / 100, 100]] {
            let array = try Arrays.array([UInt8](repeating: 0, count: count * type.byteCount), dtype, shape)
            var pauses = 0
            let text = LongWork.run(pausing: { pauses += 1 }, { Arrays.json(array) })
            let expected = text.utf8.count >> 17
            #expect(
                expected > 2 && pauses >= expected - 1 && pauses <= expected,
                "\(pauses) in \(text.utf8.count) bytes"
            )
        }
    }
}
