import Segments
import TestSupport
import Testing

@testable import Layouts

@Suite struct SliceTests {
    static let grammar: [(String, [Slice.Item])] = [
        ("", []), ("  ", []), ("0", [.index(0)]), ("-1", [.index(-1)]), ("+1", [.index(1)]), ("007", [.index(7)]),
        ("-0", [.index(0)]),
        (":", [.range(start: nil, stop: nil, step: nil)]), ("::", [.range(start: nil, stop: nil, step: nil)]),
        ("1:", [.range(start: 1, stop: nil, step: nil)]), (":1", [.range(start: nil, stop: 1, step: nil)]),
        ("1:2", [.range(start: 1, stop: 2, step: nil)]), ("1:2:", [.range(start: 1, stop: 2, step: nil)]),
        ("1:2:3", [.range(start: 1, stop: 2, step: 3)]), ("::-1", [.range(start: nil, stop: nil, step: -1)]),
        ("-3:-1:+2", [.range(start: -3, stop: -1, step: 2)]), ("...", [.ellipsis]), ("..., 1", [.ellipsis, .index(1)]),
        (
            "0:10:2,::-1,-1,...",
            [.range(start: 0, stop: 10, step: 2), .range(start: nil, stop: nil, step: -1), .index(-1), .ellipsis]
        ),
        ("1,", [.index(1)]), (" 1 : 2 , [ 1 , 2 ] ", [.range(start: 1, stop: 2, step: nil), .list([1, 2])]),
        ("[]", [.list([])]),
        ("[1]", [.list([1])]), ("[1,]", [.list([1])]), ("[-1,3,3,0]", [.list([-1, 3, 3, 0])]),
        ("[1],[2]", [.list([1]), .list([2])]),
        ("99999999999999999999999999", [.index(.max)]), ("-99999999999999999999999999", [.index(-Int.max)]),
        ("9223372036854775808:9223372036854775807", [.range(start: .max, stop: .max, step: nil)]),
        ("::-170141183460469231731687303715884105728", [.range(start: nil, stop: nil, step: -Int.max)]),
    ]

    @Test("the grammar is NumPy's basic indexing without the brackets, with lists", arguments: grammar)
    func reads(text: String, items: [Slice.Item]) throws { #expect(try Slice(text).items == items) }

    @Test(
        "what breaks the grammar is refused",
        arguments: [
            ",", ",1", "1,,2", "1 2", "a", "1a", "1.5", "1e3", "--1", "+-1", "-", "+", "+:5", ":+", "1:-", "::0",
            "::-0", "::00", "1:2:3:4", ".", "..", "....", "... ...",
            "...,...", "....,1", "[", "]", "[1", "1]", "[,]", "[1 2]", "[1,,2]", "[:]", "[1:2]", "[[1]]", "[a]",
            "[...]", "None", "newaxis", "True", "(1,2)", "1;2", "０", "1\n", "1\t", "0x1",
            "1_0", "\0", "1:2,:3:4:5",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: LayoutError.self) { try Slice(text) }
        guard case .invalidSlice = error else {
            Issue.record("expected invalidSlice, got \(String(describing: error))")
            return
        }
    }

    /// Python's `range(*slice(start, stop, step).indices(extent))`, from the language reference.
    private static func python(_ start: Int?, _ stop: Int?, _ step: Int?, _ extent: Int) -> [Int] {
        let step = step ?? 1
        let low = step > 0 ? 0 : -1
        let high = step > 0 ? extent : extent - 1
        func bound(_ value: Int) -> Int { value < 0 ? (value + extent < low ? low : value + extent) : min(value, high) }
        var index = start.map(bound) ?? (step > 0 ? low : high)
        let end = stop.map(bound) ?? (step > 0 ? high : low)
        var indices: [Int] = []
        while step > 0 ? index < end : index > end {
            indices.append(index)
            let (next, overflow) = index.addingReportingOverflow(step)
            if overflow { break }
            index = next
        }
        return indices
    }

    @Test("ranges pick what Python's slices pick, for all small bounds, steps and extents, and for huge ones")
    func ranges() throws {
        let bounds: [Int?] = [nil, -Int.max, -1 << 40, 1 << 40, .max, .min] + (-7...7).map { $0 }
        let steps: [Int?] = [nil, -Int.max, -1 << 40, 1 << 40, .max, .min, -4, -3, -2, -1, 1, 2, 3, 4]
        for extent in 0...5 {
            let array = ArrayBuffer(path: "values", dtype: try DType("i4"), shape: [extent], byteOffset: 8192)
            for start in bounds {
                for stop in bounds {
                    for step in steps {
                        let slice = Slice(items: [.range(start: start, stop: stop, step: step)])
                        let selection = try Selection(slice, of: array)
                        let expected = Self.python(start, stop, step, extent).map { 8192 + 4 * $0 }
                        guard selection.places == expected else {
                            Issue.record("\(slice) of \(extent): expected \(expected), got \(selection.places)")
                            return
                        }
                        #expect(selection.coversWhole == (expected.count == extent))
                    }
                }
            }
        }
    }
}

extension Selection {
    /// The byte offset of every element in order.
    var places: [Int] {
        var places = [region.byteOffset]
        for axis in region.axes {
            places = places.flatMap { place in
                (0..<axis.count).map { place + (axis.byteOffsets?[$0] ?? $0 * axis.byteStride) }
            }
        }
        return places
    }
}

@Suite struct SelectionTests {
    private func array(_ shape: [Int], _ dtype: String = "i2") throws -> ArrayBuffer {
        ArrayBuffer(path: "values", dtype: try DType(dtype), shape: shape, byteOffset: 8192)
    }

    /// What, the shape of the array, the shape of the result, its elements by their number, whether that is all.
    static let cases: [(String, [Int], [Int], [Int], Bool)] = [
        ("", [2, 3], [2, 3], [0, 1, 2, 3, 4, 5], true), ("...", [2, 3], [2, 3], [0, 1, 2, 3, 4, 5], true),
        ("", [], [], [0], true),
        ("...", [], [], [0], true), ("1", [2, 3], [3], [3, 4, 5], false), ("-1,-1", [2, 3], [], [5], false),
        (":,1", [2, 3], [2], [1, 4], false),
        ("...,1", [2, 3], [2], [1, 4], false), ("1,...", [2, 3], [3], [3, 4, 5], false),
        ("0,...,1", [2, 3], [], [1], false),
        ("::-1,::-1", [2, 3], [2, 3], [5, 4, 3, 2, 1, 0], true), (":,::2", [2, 3], [2, 2], [0, 2, 3, 5], false),
        ("0", [1], [], [0], true),
        ("0,:", [1, 3], [3], [0, 1, 2], true), ("[1,0]", [2, 3], [2, 3], [3, 4, 5, 0, 1, 2], false),
        ("[1,0],[2,2,0]", [2, 3], [2, 3], [5, 5, 3, 2, 2, 0], false),
        (":,[-1]", [2, 3], [2, 1], [2, 5], false), ("[]", [2, 3], [0, 3], [], false),
        ("0:0", [2, 3], [0, 3], [], false), ("5:", [2, 3], [0, 3], [], false),
        ("", [0], [0], [], true), (":", [0], [0], [], true), ("::-1", [0], [0], [], true), ("3:9", [0], [0], [], true),
        ("[]", [0], [0], [], false),
        ("", [2, 0, 3], [2, 0, 3], [], true), ("1", [2, 0, 3], [0, 3], [], false),
        ("...,2", [2, 0, 3], [2, 0], [], false), (":,:,:", [2, 0, 3], [2, 0, 3], [], true),
        ("1:2,1:2", [2, 3], [1, 1], [4], false), ("...,0,0,0", [1, 1, 1], [], [0], true),
    ]

    @Test("a selection has NumPy's shape and elements", arguments: cases)
    func selects(text: String, of extents: [Int], shape: [Int], elements: [Int], whole: Bool) throws {
        let selection = try Selection(Slice(text), of: array(extents))
        #expect(selection.shape == shape)
        #expect(selection.places == elements.map { 8192 + 2 * $0 })
        #expect(selection.coversWhole == whole)
        #expect(selection.count == elements.count && selection.region.itemByteCount == 2)
        #expect(selection.region.byteCount == 2 * elements.count)
    }

    @Test(
        "more indices than axes are an invalid slice",
        arguments: [
            ("0", []), (":", []), ("0,0", [2]), ("[0],[0]", [2]), ("...,0,0,0", [2, 3]), ("0,0,...,0", [2, 3]),
        ] as [(String, [Int])]
    )
    func tooMany(text: String, shape: [Int]) throws {
        let error = #expect(throws: LayoutError.self) { try Selection(Slice(text), of: array(shape)) }
        guard case .invalidSlice = error else {
            Issue.record("expected invalidSlice, got \(String(describing: error))")
            return
        }
    }

    @Test(
        "an index beyond its axis is out of bounds",
        arguments: [
            ("2", [2]), ("-3", [2]), ("0", [0]), ("-1", [0]), ("[0]", [0]), ("[0,2]", [2]), ("[-3]", [2]),
            (":,3", [2, 3]), ("99999999999999999999", [2]), ("-99999999999999999999", [2]),
            ("[99999999999999999999]", [2]), ("0", [0, 3]),
        ] as [(String, [Int])]
    )
    func outOfBounds(text: String, shape: [Int]) throws {
        let error = #expect(throws: LayoutError.self) { try Selection(Slice(text), of: array(shape)) }
        guard case .indexOutOfBounds = error else {
            Issue.record("expected indexOutOfBounds, got \(String(describing: error))")
            return
        }
    }

    @Test("an array of 64 axes can be sliced")
    func manyAxes() throws {
        let selection = try Selection(
            Slice(Array(repeating: "::-1", count: 64).joined(separator: ",")),
            of: array([Int](repeating: 1, count: 64))
        )
        #expect(selection.shape.count == 64 && selection.places == [8192])
    }

    @Test("an empty array whose other axes multiply beyond every integer can be described and sliced")
    func hugeEmpty() async throws {
        await #expect(processExitsWith: .success) {
            let array = ArrayBuffer(
                path: "values",
                dtype: try DType("f8"),
                shape: [0, 1 << 62, 1 << 62],
                byteOffset: 8192
            )
            #expect(try Selection(.whole, of: array).count == 0)
            #expect(array.byteStrides.count == 3)
        }
        await #expect(processExitsWith: .success) {
            let array = ArrayBuffer(
                path: "values",
                dtype: try DType("f8"),
                shape: [1 << 62, 1 << 62, 0],
                byteOffset: 8192
            )
            #expect(array.byteCount == 0)
        }
    }
}
