import Documents
import Testing

@testable import Layouts

/// Labels of every kind in every order: what a selection finds is what pandas 3.1 finds.
@Suite struct LabelIndexTests {
    static let written: [String: String] = [
        "ascending": "[1,3,5,7]", "descending": "[7,5,3,1]", "unsorted": "[5,1,7,3]", "twice": "[1,3,3,7]",
        "twice, unsorted": "[3,1,3,7]", "twice, side by side": "[7,3,3,9,1]",
        "empty": #"{"dtype":"int64","data":[]}"#, "range": #"{"range":[0,10,3]}"#,
        "range down": #"{"range":[9,-1,-3]}"#, "texts": #"["a","b","d"]"#,
        "texts, unsorted": #"["b","","ö","a"]"#,
        "floats": #"{"dtype":"float64","data":["NaN",-0.0,2.5,"Infinity","-Infinity"]}"#,
        "floats, ascending": "[-1.5,-0.0,0.0,2.5]", "float32": #"{"dtype":"float32","data":[0.1,0.5,0.7]}"#,
        "uint64": "[1,9223372036854775808,18446744073709551615]", "bools": "[true,false]",
        "instants": #"{"dtype":"datetime64[ns]","start":"2023-12-30","periods":6,"freq":"12h"}"#,
        "days": #"{"dtype":"datetime64[s]","start":"2023-12-30","periods":4,"freq":"1D"}"#,
        "instants down": #"{"dtype":"datetime64[ns]","data":["2024-01-01T12","2024-01-01","2023-12-31T12","#
            + #""2023-12-31","2023-12-30T12","2023-12-30"]}"#,
        "instants, unsorted": #"{"dtype":"datetime64[ns]","data":["2023-12-31T12","2023-12-30","2024-01-01T12","#
            + #""2023-12-30T12"]}"#,
        "Berlin in March": #"{"dtype":"datetime64[s]","tz":"Europe/Berlin","start":"2024-03-30T12:00","#
            + #""periods":5,"freq":"12h"}"#,
        "Berlin in October": #"{"dtype":"datetime64[s]","tz":"Europe/Berlin","start":"2024-10-27T00:00","#
            + #""periods":26,"freq":"1h"}"#,
    ]

    static func index(_ name: String) throws -> LabelIndex {
        try LabelIndex(LabelContents(.parse(#require(written[name]))))
    }

    /// Positions, with a point where the axis is dropped; "none" for a label that is not there.
    static let wanted: [String: [(String, String)]] = [
        "ascending": [
            ("3", ".[1]"),
            ("4", "none"),
            ("[7,3]", "[3, 1]"),
            ("[3,3]", "[1, 1]"),
            ("[]", "[]"),
            ("2..6", "[1, 2]"),
            ("3..7", "[1, 2, 3]"),
            ("..3", "[0, 1]"),
            ("5..", "[2, 3]"),
            ("7..3", "[]"),
            ("..", "[0, 1, 2, 3]"),
        ],
        "descending": [
            ("3", ".[2]"),
            ("4", "none"),
            ("[7,3]", "[0, 2]"),
            ("[3,3]", "[2, 2]"),
            ("[]", "[]"),
            ("2..6", "[]"),
            ("3..7", "[]"),
            ("..3", "[0, 1, 2]"),
            ("5..", "[1, 2, 3]"),
            ("7..3", "[0, 1, 2]"),
            ("..", "[0, 1, 2, 3]"),
        ],
        "unsorted": [
            ("3", ".[3]"),
            ("4", "none"),
            ("[7,3]", "[2, 3]"),
            ("[3,3]", "[3, 3]"),
            ("[]", "[]"),
            ("2..6", "none"),
            ("3..7", "[]"),
            ("..3", "[0, 1, 2, 3]"),
            ("5..", "[0, 1, 2, 3]"),
            ("7..3", "[2, 3]"),
            ("..", "[0, 1, 2, 3]"),
        ],
        "twice": [
            ("3", "[1, 2]"),
            ("4", "none"),
            ("[7,3]", "[3, 1, 2]"),
            ("[3,3]", "[1, 2, 1, 2]"),
            ("[]", "[]"),
            ("2..6", "[1, 2]"),
            ("3..7", "[1, 2, 3]"),
            ("..3", "[0, 1, 2]"),
            ("5..", "[3]"),
            ("7..3", "[]"),
            ("..", "[0, 1, 2, 3]"),
        ],
        "twice, unsorted": [
            ("3", "[0, 2]"),
            ("4", "none"),
            ("[7,3]", "[3, 0, 2]"),
            ("[3,3]", "[0, 2, 0, 2]"),
            ("[]", "[]"),
            ("2..6", "none"),
            ("3..7", "none"),
            ("..3", "none"),
            ("5..", "none"),
            ("7..3", "none"),
            ("..", "[0, 1, 2, 3]"),
        ],
        "twice, side by side": [
            ("3", "[1, 2]"),
            ("4", "none"),
            ("[7,3]", "[0, 1, 2]"),
            ("[3,3]", "[1, 2, 1, 2]"),
            ("[]", "[]"),
            ("2..6", "none"),
            ("3..7", "[]"),
            ("..3", "[0, 1, 2]"),
            ("5..", "none"),
            ("7..3", "[0, 1, 2]"),
            ("..", "[0, 1, 2, 3, 4]"),
        ],
        "empty": [
            ("3", "none"),
            ("4", "none"),
            ("[7,3]", "none"),
            ("[3,3]", "none"),
            ("[]", "[]"),
            ("2..6", "[]"),
            ("3..7", "[]"),
            ("..3", "[]"),
            ("5..", "[]"),
            ("7..3", "[]"),
            ("..", "[]"),
        ],
        "range": [
            ("3", ".[1]"),
            ("4", "none"),
            ("[7,3]", "none"),
            ("[3,3]", "[1, 1]"),
            ("[]", "[]"),
            ("2..6", "[1, 2]"),
            ("3..7", "[1, 2]"),
            ("..3", "[0, 1]"),
            ("5..", "[2, 3]"),
            ("7..3", "[]"),
            ("..", "[0, 1, 2, 3]"),
        ],
        "range down": [
            ("3", ".[2]"),
            ("4", "none"),
            ("[7,3]", "none"),
            ("[3,3]", "[2, 2]"),
            ("[]", "[]"),
            ("2..6", "[]"),
            ("3..7", "[]"),
            ("..3", "[0, 1, 2]"),
            ("5..", "[2, 3]"),
            ("7..3", "[1, 2]"),
            ("..", "[0, 1, 2, 3]"),
        ],
        "texts": [
            ("b", ".[1]"),
            ("c", "none"),
            ("b..c", "[1]"),
            ("..", "[0, 1, 2]"),
            ("c..", "[2]"),
            (#"["d","a"]"#, "[2, 0]"),
        ],
        "texts, unsorted": [
            ("", ".[1]"),
            ("ö", ".[2]"),
            ("c", "none"),
            ("ö..a", "[2, 3]"),
            ("b..c", "none"),
        ],
        "floats": [
            ("0", ".[1]"),
            ("-0.0", ".[1]"),
            ("2.5", ".[2]"),
            ("inf", ".[3]"),
            ("-inf", ".[4]"),
            ("nan", ".[0]"),
            ("2", "none"),
            ("[0.0,2.5]", "[1, 2]"),
            ("-0.0..inf", "[1, 2, 3]"),
        ],
        "floats, ascending": [
            ("0", "[1, 2]"),
            ("-0.0", "[1, 2]"),
            ("-1..1", "[1, 2]"),
            ("0.0..", "[1, 2, 3]"),
            ("..-0.0", "[0, 1, 2]"),
            ("nan", "none"),
        ],
        "float32": [
            ("0.1", ".[0]"),
            ("0.5", ".[1]"),
            ("0.1..0.7", "[0, 1, 2]"),
            ("0.6..", "[2]"),
        ],
        "uint64": [
            ("9223372036854775808", ".[1]"),
            ("18446744073709551615", ".[2]"),
            ("9223372036854775807", "none"),
            ("-1", "none"),
            ("2..18446744073709551615", "[1, 2]"),
            ("9223372036854775808..", "[1, 2]"),
        ],
        "bools": [
            ("true", ".[0]"),
            ("false", ".[1]"),
        ],
        "instants": [
            ("2023-12-30", "[0, 1]"),
            ("2023-12-30T12", ".[1]"),
            ("2024", "[4, 5]"),
            ("2023-12", "[0, 1, 2, 3]"),
            ("2022", "none"),
            ("2023-12-31..2024-01-01", "[2, 3, 4, 5]"),
            ("..2023-12", "[0, 1, 2, 3]"),
            ("2024..", "[4, 5]"),
            ("2023-12-30T12:00:00", ".[1]"),
            ("2023-12-31T01", "none"),
            ("2023-12-29", "none"),
            ("2025..2026", "[]"),
            ("2024-01-01T12", ".[5]"),
        ],
        "days": [
            ("2023-12-30", ".[0]"),
            ("2024", "[2, 3]"),
            ("2023-12-31..2024-01-01", "[1, 2]"),
            ("2024-01-05", "none"),
            ("2023-12-30T00", ".[0]"),
            ("2023-12-30T12", "none"),
        ],
        "instants down": [
            ("2023-12-31", "[2, 3]"),
            ("2024", "[0, 1]"),
            ("2023-12-31T12", ".[2]"),
        ],
        "instants, unsorted": [
            ("2023-12-30", "[1, 3]"),
            ("2024", "[2]"),
            ("2023-12-31T12", ".[0]"),
            ("2022", "[]"),
        ],
        "Berlin in March": [
            ("2024-03-31", "[1, 2]"),
            ("2024-03-30", "[0]"),
            ("2024-03-31..2024-03-31", "[1, 2]"),
            ("2024-03-31T10:00Z", "none"),
            ("2024-04", "[3, 4]"),
        ],
        "Berlin in October": [
            ("2024-10-28", "[25]"),
            ("2024-10-27T01..2024-10-27T03", "[1, 2, 3, 4]"),
        ],

    ]

    @Test("a selection by label finds what pandas finds", arguments: wanted.keys.sorted())
    func selections(_ name: String) throws {
        let index = try Self.index(name)
        for (text, positions) in try #require(Self.wanted[name]) {
            var found: String
            do {
                let pick = try index.pick(LabelSelection(text))
                found = "\(pick.count == nil ? "." : "")\(pick.positions)"
            } catch LayoutError.noSuchLabel {
                found = "none"
            }
            #expect(found == positions, "\(text)")
        }
    }

    @Test("a day of a zone is as long as its clock makes it; an hour that the clock repeats begins at the first")
    func repeatedHour() throws {
        let index = try Self.index("Berlin in October")
        #expect(try index.pick(LabelSelection("2024-10-27")).positions == Array(0..<25))
        #expect(try index.pick(LabelSelection("2024-10-27T02")) == .position(2))
        #expect(try index.pick(LabelSelection("2024-10-27T02:00+01:00")) == .position(3))
        #expect(try index.pick(LabelSelection("2024-10-27T02:00 01:00")) == .position(3))
        #expect(try Self.index("Berlin in March").pick(LabelSelection("2024-03-31T11:00Z")) == .position(2))
        #expect(throws: LayoutError.self) { try Self.index("days").pick(LabelSelection("2023-12-30T00:00Z")) }
    }

    @Test("a date beyond all labels in descending order is not there, as since pandas 3.1")
    func beyondDescending() throws {
        let index = try Self.index("instants down")
        // As in pandas 3; until then it was an empty selection.
        #expect(throws: LayoutError.self) { try index.pick(LabelSelection("2022")) }
        // pandas takes the ends of a range as instants, which have to be there, and what lies between them in time.
        for text in ["2024-01-01T12..2023-12-31T12", "2023-12-31..2023-12-30", "..2023-12-31"] {
            #expect(throws: LayoutError.self, "\(text)") { try index.pick(LabelSelection(text)) }
        }
        #expect(try index.pick(LabelSelection("2023-12-31..")).positions == [0, 1, 2, 3])
        #expect(try index.pick(LabelSelection("..2023-12-31T12:00:00.000000000")).positions == [2, 3, 4, 5])
    }

    /// Label, tolerance, and the positions of ffill, bfill and nearest; -1 for none.
    static let byMethod: [(String, String, String?, [Int])] = [
        ("ascending", "0", nil, [-1, 0, 0]),
        ("ascending", "0", "1", [-1, 0, 0]),
        ("ascending", "2", nil, [0, 1, 1]),
        ("ascending", "2", "1", [0, 1, 1]),
        ("ascending", "3", nil, [1, 1, 1]),
        ("ascending", "3", "1", [1, 1, 1]),
        ("ascending", "6.5", nil, [2, 3, 3]),
        ("ascending", "6.5", "1", [-1, 3, 3]),
        ("ascending", "8", nil, [3, -1, 3]),
        ("ascending", "8", "1", [3, -1, 3]),
        ("descending", "0", nil, [3, -1, 3]),
        ("descending", "0", "1", [3, -1, 3]),
        ("descending", "2", nil, [2, 3, 2]),
        ("descending", "2", "1", [2, 3, 2]),
        ("descending", "3", nil, [2, 2, 2]),
        ("descending", "3", "1", [2, 2, 2]),
        ("descending", "6.5", nil, [0, 1, 0]),
        ("descending", "6.5", "1", [0, -1, 0]),
        ("descending", "8", nil, [-1, 0, 0]),
        ("descending", "8", "1", [-1, 0, 0]),
        ("floats, ascending", "-2", nil, [-1, 0, 0]),
        ("floats, ascending", "-2", "0.5", [-1, 0, 0]),
        ("floats, ascending", "0.5", nil, [1, 2, 1]),
        ("floats, ascending", "0.5", "0.5", [1, -1, 1]),
        ("floats, ascending", "1.25", nil, [1, 2, 2]),
        ("floats, ascending", "1.25", "0.5", [-1, -1, -1]),
        ("floats, ascending", "9", nil, [2, -1, 2]),
        ("floats, ascending", "9", "0.5", [-1, -1, -1]),
        ("days", "2023-12-31T18", nil, [-1, 0, 0]),
        ("days", "2023-12-31T18", "12h", [-1, 0, 0]),
        ("days", "2024-01-01T12", nil, [0, 1, 1]),
        ("days", "2024-01-01T12", "12h", [0, 1, 1]),
        ("days", "2024-01-02", nil, [1, 1, 1]),
        ("days", "2024-01-02", "12h", [1, 1, 1]),
        ("days", "2024-01-09", nil, [2, -1, 2]),
        ("days", "2024-01-09", "12h", [-1, -1, -1]),
    ]

    @Test("a method finds what pandas' get_indexer finds", arguments: byMethod)
    func methods(_ name: String, _ label: String, _ tolerance: String?, _ positions: [Int]) throws {
        let labels = [
            "floats, ascending": "[-1.5,0.0,2.5]",
            "days": #"{"dtype":"datetime64[ns]","start":"2024-01-01","periods":3,"freq":"1D"}"#,
        ]
        let index = try LabelIndex(LabelContents(.parse(labels[name] ?? #require(Self.written[name]))))
        for (method, position) in zip([LabelMethod.ffill, .bfill, .nearest], positions) {
            var found: AxisPick?
            do {
                found = try index.pick(LabelSelection(label), method: method, tolerance: tolerance)
            } catch LayoutError.noSuchLabel {}
            #expect(found == (position < 0 ? nil : .position(position)), "\(method)")
        }
    }

    @Test("a method needs unique labels in order, and a distance where it measures one")
    func methodsRefused() throws {
        for name in ["unsorted", "twice", "twice, unsorted"] {
            let index = try Self.index(name)
            #expect(throws: LayoutError.self) { try index.pick(LabelSelection("4"), method: .ffill) }
        }
        let texts = try Self.index("texts")
        #expect(try texts.pick(LabelSelection("c"), method: .ffill) == .position(1))
        #expect(throws: LayoutError.self) { try texts.pick(LabelSelection("c"), method: .nearest) }
        let numbers = try Self.index("ascending")
        #expect(throws: LayoutError.self) { try numbers.pick(LabelSelection("1..3"), method: .ffill) }
        for tolerance in ["-1", "x", ""] {
            #expect(throws: LayoutError.self) {
                try numbers.pick(LabelSelection("4"), method: .ffill, tolerance: tolerance)
            }
        }
    }

    @Test("a label of another type is none of these, however it is written")
    func otherTypes() throws {
        for (name, selections) in [
            ("ascending", [#""3""#, "x", "3.5", "true", "[null]", ""]), ("texts", ["[1]", "[null]", "[true]"]),
            ("bools", ["1", "0", "yes"]), ("floats", [#""2.5""#, "x"]), ("days", ["x", "2023-13", "2.5"]),
        ] {
            let index = try Self.index(name)
            for selection in selections {
                #expect(throws: LayoutError.self, "\(name) \(selection)") { try index.pick(LabelSelection(selection)) }
            }
        }
        #expect(try Self.index("ascending").pick(LabelSelection("3.0")) == .position(1))
        #expect(throws: LayoutError.self) { try Self.index("bools").pick(LabelSelection("false..true")) }
        #expect(throws: LayoutError.self) { try Self.index("ascending").pick(LabelSelection("[[1]]")) }
    }

    @Test("NaN and NaT are labels like others, found by their names")
    func nothing() throws {
        let floats = try Self.index("floats")
        for text in ["NaN", "nan", "[null]"] {
            #expect(try floats.pick(LabelSelection(text)).positions == [0], "\(text)")
        }
        let times = try LabelIndex(LabelContents(.parse(#"{"dtype":"datetime64[ns]","data":["2024-01-01","NaT"]}"#)))
        #expect(try times.pick(LabelSelection("NaT")) == .position(1))
    }

    // MARK: - Search

    @Test("a search agrees with a scan, whatever the order", arguments: 0..<200)
    func scan(_ seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let count = Int.random(in: 0..<40, using: &random)
        let span = Int.random(in: 1...60, using: &random)
        var values = (0..<count).map { _ in Int64.random(in: 0..<Int64(span), using: &random) }
        switch seed % 4 {
        case 0: values.sort()
        case 1: values.sort(by: >)
        default: break
        }
        let isText = seed % 3 == 0
        let texts = values.map { value in String(repeating: "x", count: Int(value % 5)) + "\(value)" }
        let index = LabelIndex(isText ? LabelContents(texts) : LabelContents(values))
        #expect(try index.isUnique() == (Set(values).count == count))
        for wanted in 0..<Int64(span) {
            let expected = values.indices.filter { values[$0] == wanted }
            let text = String(repeating: "x", count: Int(wanted % 5)) + "\(wanted)"
            let key = isText ? LabelKey.text(Array(text.utf8)) : .number(Int128(wanted))
            #expect(try index.pick(of: key)?.positions ?? [] == expected)
            #expect(try LabelTable(of: index).positions(of: key, in: index) == expected)
        }
    }

    @Test("a table says whether labels are unique, and has none in an empty index")
    func table() throws {
        #expect(try LabelTable(of: Self.index("unsorted")).isUnique)
        #expect(try !LabelTable(of: Self.index("twice, unsorted")).isUnique)
        let empty = try Self.index("empty")
        #expect(try LabelTable(of: empty).isUnique)
        #expect(try LabelTable(of: empty).positions(of: .number(3), in: empty) == [])
        let zeros = LabelIndex(LabelContents([-0.0, 0.0, .nan, Double(signOf: -1, magnitudeOf: .nan), 1]))
        let table = try LabelTable(of: zeros)
        #expect(try table.positions(of: .number(KeyCoding.key(-0.0)), in: zeros) == [0, 1])
        #expect(try table.positions(of: .number(KeyCoding.notANumber), in: zeros) == [2, 3])
    }

    @Test("what a search looks at is foreseen: one of many labels without an order is few bytes, once all were read")
    func searchBytes() throws {
        let many = 100_000
        let labels = (0..<many).map { Int64($0 &* 7_919 % many) }
        func bytes(_ index: LabelIndex, _ text: String, _ method: LabelMethod? = nil) throws -> Int {
            index.searchByteCount(try LabelSelection(text), method: method)
        }
        let index = LabelIndex(LabelContents(labels))
        #expect(try bytes(index, "5") >= 8 * many, "nothing is known yet")
        #expect(try index.pick(LabelSelection("5")).positions.count == 1)
        #expect(try bytes(index, "5") < 1_000)
        #expect(try bytes(index, "[5,6,7]") < 1_000)
        #expect(try bytes(index, "[\((0..<many).map(String.init).joined(separator: ","))]") >= many)
        #expect(try bytes(index, "5..9") >= 8 * many)
        #expect(try bytes(index, "5", .nearest) >= 8 * many)
        let repeated = LabelIndex(LabelContents(labels.map { $0 % 3 }))
        _ = try repeated.pick(LabelSelection("2"))
        #expect(try bytes(repeated, "2") >= 8 * many, "a third of all positions")
    }

    @Test("keys of floats stand in the order of their values")
    func keys() {
        let values = [
            -Double.infinity, -.greatestFiniteMagnitude, -1.5, -.leastNonzeroMagnitude, 0, .leastNonzeroMagnitude, 1,
            1.5, .greatestFiniteMagnitude, .infinity, .nan,
        ]
        let keys = values.map(KeyCoding.key)
        #expect(zip(keys, keys.dropFirst()).allSatisfy { $0 < $1 })
        let coding = KeyCoding(DType(.float64))
        #expect(values.dropLast().allSatisfy { coding.value(KeyCoding.key($0)) == $0 })
        #expect(KeyCoding.key(-0.0) == KeyCoding.key(0.0))
        for element in [DType.Element.int8, .uint64, .bool, .float16] {
            let coding = KeyCoding(DType(element))
            #expect(coding.isFloat == (element == .float16))
        }
        #expect(KeyCoding(DType(.int64)).bounds(2.5) == (3, 2))
        #expect(KeyCoding(DType(.uint64)).bounds(.infinity).first > Int128(UInt64.max))
        #expect(KeyCoding(DType(.int64)).bounds(-.infinity).last < Int128(Int64.min))
    }

    @Test(
        "offsets of texts that lead nowhere are corrupt",
        arguments: [[0, 9, 1], [0, -1, 1], [2, 1, 1], [0, 1, .max]]
    )
    func corruptTexts(_ offsets: [Int64]) {
        let contents = LabelContents(
            labels: .texts(count: 2, byteCount: 1),
            buffers: [offsets.withUnsafeBytes { Array($0) }, [97]]
        )
        #expect(throws: (any Error).self) {
            let index = LabelIndex(contents)
            for position in 0..<2 { _ = try index.key(at: position) }
        }
    }

    // MARK: - Text of a selection

    @Test(
        "a selection is a value, a list or a range",
        arguments: [
            ("a", "value a"), ("", "value "), (#""a..b""#, #"value "a..b""#), ("a..b", "a to b"), ("..", "nil to nil"),
            ("..b", "nil to b"), ("a..", "a to nil"), (#""a..b".."c""#, #""a..b" to "c""#), ("a.b", "value a.b"),
            ("1.5..2.5", "1.5 to 2.5"), ("[1,\"x\"]", "list 2"), ("[]", "list 0"), (#""\"..""#, #"value "\"..""#),
            (#"a"b..c"#, #"a"b to c"#), ("-1..-3", "-1 to -3"), ("...", "nil to ."),
        ]
    )
    func grammar(_ text: String, _ expected: String) throws {
        func show(_ term: LabelSelection.Term?) -> String {
            switch term {
            case nil: "nil"
            case .word(let word): word
            case .json(let json): Layouts.text(of: json)
            }
        }
        switch try LabelSelection(text) {
        case .value(let term): #expect("value \(show(term))" == expected)
        case .list(let items): #expect("list \(items.count)" == expected)
        case .range(let first, let last): #expect("\(show(first)) to \(show(last))" == expected)
        }
    }

    @Test("what is no JSON where JSON begins is refused", arguments: ["[1", "[1]x", #""a"#, #""a""b"#, #""a"x..b"#])
    func grammarRefused(_ text: String) {
        #expect(throws: LayoutError.self) { _ = try LabelIndex(LabelContents(["a"])).pick(LabelSelection(text)) }
    }
}

/// Random numbers that are the same in every run.
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
