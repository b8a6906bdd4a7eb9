import Documents
import Glibc
import Segments
import TestSupport
import Testing

@testable import Layouts

@Suite struct SegmentHeaderTests {
    private func header(_ json: String, attrs: String = "{}") throws -> SegmentHeader {
        try SegmentHeader(layout: LayoutNode(.parse(json)), attrs: attrs)
    }

    @Test("a new header is the format's golden bytes")
    func golden() throws {
        let header = try header(#"{"shape":[3,5],"dtype":"float32","kind":"ndarray"}"#, attrs: #"{"a": [1]}"#)
        #expect(
            header.json.text
                == #"{"format":1,"layout":{"kind":"ndarray","dtype":"<f4","shape":[3,5]},"#
                + #""buffers":[{"path":"values","dtype":"<f4","shape":[3,5],"strides":[20,4],"offset":8192}],"attrs":{"a": [1]}}"#
        )
        #expect(header.dataBytes == 60)
        #expect(
            header.arrays.first { $0.path == "values" }?.byteOffset == 8192
                && header.arrays.first { $0.path == "other" } == nil
        )
        let bytes = try self.header(#"{"kind":"bytes","size":7}"#)
        #expect(
            bytes.json.text
                == #"{"format":1,"layout":{"kind":"bytes","size":7},"#
                + #""buffers":[{"path":"values","dtype":"|u1","shape":[7],"strides":[1],"offset":8192}],"attrs":{}}"#
        )
    }

    static let layouts = [
        #"{"kind":"ndarray","dtype":"<f4","shape":[3,5]}"#, #"{"kind":"ndarray","dtype":">i8","shape":[]}"#,
        #"{"kind":"ndarray","dtype":"bfloat16","shape":[0]}"#,
        #"{"kind":"ndarray","dtype":"<M8[25s]","shape":[2,0,3]}"#,
        #"{"kind":"ndarray","dtype":[["x","<f4"],["y","|S3",[2]]],"shape":[4]}"#,
        #"{"kind":"ndarray","dtype":"<U4","shape":[1,1,1]}"#,
        #"{"kind":"bytes","size":0}"#, #"{"kind":"bytes","size":100000}"#,
    ]

    @Test("a header reads back as what was written", arguments: layouts, ["{}", #"{"é":{"a":[1,null,"x"]}}"#])
    func roundTrip(json: String, attrs: String) throws {
        let written = try header(json, attrs: attrs)
        let bytes = written.json.withUnsafeBytes { Array($0) }
        let total = 8192 + (written.dataBytes + 4095) / 4096 * 4096
        let read = try SegmentHeader(reading: bytes, dataOffset: 8192, totalBytes: total)
        #expect(read.json.text == written.json.text)
        #expect(read.attrs == attrs)
        #expect(read.arrays.map(\.dtype) == written.arrays.map(\.dtype))
        #expect(written.arrays.allSatisfy { $0.byteOffset % 64 == 0 })
    }

    @Test("attributes of more than a page move the data", arguments: [3000, 4000, 4096, 100_000])
    func largeAttributes(count: Int) throws {
        let attrs = #"{"a":"\#(String(repeating: "x", count: count))"}"#
        let header = try header(#"{"kind":"bytes","size":10}"#, attrs: attrs)
        let bytes = header.json.withUnsafeBytes { Array($0) }
        let dataOffset = 4096 + (bytes.count + 4095) / 4096 * 4096
        #expect(header.arrays.first { $0.path == "values" }?.byteOffset == dataOffset)
        let read = try SegmentHeader(reading: bytes, dataOffset: dataOffset, totalBytes: dataOffset + 4096)
        #expect(read.attrs == attrs)
    }

    @Test("a header goes through a segment")
    func throughSegment() throws {
        let scratch = try ScratchDirectory()
        let directory = try scratch.segments()
        let header = try header(#"{"kind":"ndarray","dtype":"<f8","shape":[10,10]}"#)
        do {
            let draft = try header.json.withUnsafeBytes {
                try SegmentDraft(in: directory, header: $0, dataBytes: header.dataBytes)
            }
            try draft.publish(as: SegmentName("a"))
        }
        let segment = try directory.load(SegmentName("a"))
        let read = try SegmentHeader(of: segment)
        #expect(read.json.text == header.json.text && segment.totalBytes == 8192 + 4096)
    }

    /// The pieces of a right header, to be replaced one at a time.
    private static func document(
        format: String = "1",
        layout: String = #"{"kind":"ndarray","dtype":"<f4","shape":[3,5]}"#,
        path: String = #""values""#,
        dtype: String = #""<f4""#,
        shape: String = "[3,5]",
        strides: String = "[20,4]",
        offset: String = "8192",
        more: String = ""
    ) -> String {
        #"{"format":\#(format),"layout":\#(layout),"buffers":[{"path":\#(path),"dtype":\#(dtype),"shape":\#(shape),"strides":\#(strides),"offset":\#(offset)}\#(more)],"attrs":{}}"#
    }

    @Test("the right header of the table below is read")
    func right() throws {
        for offset in ["8192", "8256", "12224", "8192.0"] {
            _ = try SegmentHeader(
                reading: Array(Self.document(offset: offset).utf8),
                dataOffset: 8192,
                totalBytes: 12_288
            )
        }
    }

    static let corrupt: [(String, String)] = [
        ("empty", ""), ("no JSON", "{"), ("no object", "[]"), ("NULs behind", document() + "\0"),
        ("more behind", document() + "{}"), ("format 2", document(format: "2")),
        ("format as text", document(format: #""1""#)),
        ("no format", #"{"layout":{"kind":"bytes","size":0},"buffers":[],"attrs":{}}"#),
        ("no layout", #"{"format":1,"buffers":[],"attrs":{}}"#),
        ("no buffers", #"{"format":1,"layout":{"kind":"bytes","size":0}}"#),
        ("unknown kind", document(layout: #"{"kind":"tensor","dtype":"<f4","shape":[3,5]}"#)),
        ("layout of another shape", document(layout: #"{"kind":"ndarray","dtype":"<f4","shape":[5,3]}"#)),
        ("layout of another dtype", document(layout: #"{"kind":"ndarray","dtype":"<i4","shape":[3,5]}"#)),
        ("layout with more fields", document(layout: #"{"kind":"ndarray","dtype":"<f4","shape":[3,5],"x":1}"#)),
        ("layout with O", document(layout: #"{"kind":"ndarray","dtype":"O","shape":[3,5]}"#, dtype: #""O""#)),
        ("another path", document(path: #""value""#)), ("path as number", document(path: "1")),
        ("another dtype", document(dtype: #""<i4""#)), ("another order", document(dtype: #"">f4""#)),
        ("another size", document(dtype: #""<f8""#)), ("no dtype", document(dtype: "null")),
        ("another shape", document(shape: "[3,4]")),
        ("another rank", document(shape: "[15]")), ("negative extent", document(shape: "[-3,-5]")),
        ("strides of Fortran", document(strides: "[4,12]")), ("strides of zero", document(strides: "[0,0]")),
        ("negative strides", document(strides: "[-20,-4]")), ("too few strides", document(strides: "[20]")),
        ("too many strides", document(strides: "[20,4,4]")), ("no strides", document(strides: "null")),
        ("strides as text", document(strides: #"["20","4"]"#)), ("huge strides", document(strides: "[1e300,4]")),
        ("offset before the data", document(offset: "8128")), ("offset in the page", document(offset: "64")),
        ("offset 0", document(offset: "0")), ("negative offset", document(offset: "-8192")),
        ("offset off its alignment", document(offset: "8200")), ("offset beyond the end", document(offset: "12352")),
        ("bytes beyond the end", document(offset: "12288")),
        ("offset of 2^62", document(offset: "4611686018427387904")),
        ("offset of 2^64", document(offset: "18446744073709551616")), ("no offset", document(offset: "null")),
        ("offset as text", document(offset: #""8192""#)), ("offset 1.5", document(offset: "8192.5")),
        ("one more buffer", document(more: #",{"path":"x","dtype":"|u1","shape":[0],"strides":[1],"offset":8192}"#)),
        ("buffer that is no object", #"{"format":1,"layout":{"kind":"bytes","size":1},"buffers":[1],"attrs":{}}"#),
        ("one buffer less", #"{"format":1,"layout":{"kind":"bytes","size":1},"buffers":[],"attrs":{}}"#),
        (
            "size beyond the file",
            #"{"format":1,"layout":{"kind":"bytes","size":99999},"buffers":[{"path":"values","dtype":"|u1","shape":[99999],"strides":[1],"offset":8192}],"attrs":{}}"#
        ),
        ("twice the same name", #"{"format":1,"format":1,"layout":{"kind":"bytes","size":0},"buffers":[],"attrs":{}}"#),
        (
            "65 levels",
            document().replacing(
                #""attrs":{}"#,
                with: #""attrs":{"a":\#(String(repeating: "[", count: 63))\#(String(repeating: "]", count: 63))}"#
            )
        ),
        ("100,000 levels", String(repeating: "[", count: 100_000)), ("lone surrogate", document(path: #""\ud800""#)),
    ]

    @Test("a header that contradicts itself or the file is corrupt", arguments: corrupt)
    func refuses(what: String, text: String) {
        let error = #expect(throws: LayoutError.self) {
            try SegmentHeader(reading: Array(text.utf8), dataOffset: 8192, totalBytes: 12_288)
        }
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }

    @Test("a header nests to 64 levels")
    func depth() throws {
        let deep = #""attrs":{"a":\#(String(repeating: "[", count: 62))\#(String(repeating: "]", count: 62))}"#
        let text = Self.document().replacing(#""attrs":{}"#, with: deep)
        _ = try SegmentHeader(reading: Array(text.utf8), dataOffset: 8192, totalBytes: 12_288)
    }

    /// Arrays of so many bytes each.
    private func several(_ counts: [Int]) throws -> LayoutNode {
        LayoutNode(
            try StructLayout(
                counts.enumerated().map { ("a\($0)", LayoutNode(NdarrayLayout(dtype: DType(.uint8), shape: [$1]))) }
            )
        )
    }

    @Test("arrays of one segment stand 64 bytes apart and do not overlap")
    func placement() throws {
        let header = try SegmentHeader(layout: several([1, 64, 65, 0, 3]), attrs: "{}")
        #expect(header.arrays.map(\.byteOffset) == [8192, 8256, 8320, 8448, 8448])
        #expect(header.dataBytes == 8451 - 8192)
    }

    @Test("a header with a huge empty array is read or refused, without a trap")
    func hugeEmpty() async {
        await #expect(processExitsWith: .success) {
            let json = #"{"kind":"ndarray","dtype":"<f8","shape":[0,4611686018427387904,4611686018427387904]}"#
            if let layout = try? LayoutNode(.parse(json)),
                let header = try? SegmentHeader(layout: layout, attrs: "{}")
            {
                #expect(header.json.count > 0)
            }
        }
        await #expect(processExitsWith: .success) {
            let shape = "[4611686018427387904,4611686018427387904,0]"
            let text =
                #"{"format":1,"layout":{"kind":"ndarray","dtype":"<f8","shape":\#(shape)},"buffers":"#
                + #"[{"path":"values","dtype":"<f8","shape":\#(shape),"strides":[0,8,8],"offset":8192}],"attrs":{}}"#
            _ = try? SegmentHeader(reading: Array(text.utf8), dataOffset: 8192, totalBytes: 12_288)
        }
    }
}

@Suite struct LayoutTests {
    static let canonical: [(String, String)] = [
        (#"{"kind":"ndarray","dtype":"float32","shape":[3,5]}"#, #"{"kind":"ndarray","dtype":"<f4","shape":[3,5]}"#),
        (#"{"shape":5,"dtype":"?","kind":"ndarray"}"#, #"{"kind":"ndarray","dtype":"|b1","shape":[5]}"#),
        (#"{"kind":"ndarray","dtype":"f8","shape":[]}"#, #"{"kind":"ndarray","dtype":"<f8","shape":[]}"#),
        (#"{"kind":"ndarray","dtype":"f8","shape":[2.0,0]}"#, #"{"kind":"ndarray","dtype":"<f8","shape":[2,0]}"#),
        (#"{"kind":"bytes","size":10}"#, #"{"kind":"bytes","size":10}"#),
        (#"{"kind":"bytes","size":0}"#, #"{"kind":"bytes","size":0}"#),
    ]

    @Test("a layout has a canonical form", arguments: canonical)
    func writes(json: String, expected: String) throws {
        let layout = try LayoutNode(.parse(json))
        var writer = JSONWriter()
        layout.write(to: &writer)
        #expect(writer.finish().text == expected)
    }

    static let invalid = [
        "1", "null", "[]", "{}", #"{"kind":1}"#, #"{"kind":"tensor"}"#, #"{"kind":""}"#, #"{"kind":"ndarray"}"#,
        #"{"kind":"ndarray","dtype":"f4"}"#, #"{"kind":"ndarray","shape":[1]}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":[-1]}"#, #"{"kind":"ndarray","dtype":"f4","shape":-1}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":[1.5]}"#, #"{"kind":"ndarray","dtype":"f4","shape":["1"]}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":null}"#, #"{"kind":"ndarray","dtype":"f4","shape":[true]}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":[1e300]}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":[18446744073709551615]}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":[4611686018427387904]}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":[1],"fill":0}"#, #"{"kind":"bytes"}"#, #"{"kind":"bytes","size":-1}"#,
        #"{"kind":"bytes","size":1.5}"#, #"{"kind":"bytes","size":"1"}"#,
        #"{"kind":"bytes","size":1,"x":1}"#,
        #"{"kind":"ndarray","dtype":"f4","shape":[\#(Array(repeating: "1", count: 65).joined(separator: ","))]}"#,
    ]

    @Test("what is no layout is refused", arguments: invalid)
    func refuses(json: String) throws {
        let value = try JSONValue.parse(json)
        let error = #expect(throws: LayoutError.self) { try LayoutNode(value) }
        guard case .invalidLayout = error else {
            Issue.record("expected invalidLayout, got \(String(describing: error))")
            return
        }
    }

    @Test("shapes multiply without a trap and print as Python's tuples")
    func shapes() {
        #expect(
            product([], times: 8) == 8 && product([2, 3], times: 4) == 24 && product([0, .max, .max], times: 8) == nil
        )
        #expect(product([1 << 62, 2], times: 1) == nil && product([1 << 62, 2, 0], times: 1) == nil)
        #expect(tuple([]) == "()" && tuple([3]) == "(3,)" && tuple([3, 5]) == "(3, 5)")
        #expect(
            contiguousStrides([2, 3, 4], itemByteCount: 2) == [24, 8, 2]
                && contiguousStrides([], itemByteCount: 2) == []
        )
    }
}

@Suite struct BFloat16Tests {
    @Test("the shortest decimal of every bfloat16 rounds back to it, and has at most four digits")
    func everyPattern() {
        var wrong: [UInt16] = []
        for bits in UInt16.min...UInt16.max {
            let value = BFloat16.value(bits)
            if value.isNaN {
                if !BFloat16.value(BFloat16.bits(value)).isNaN || !BFloat16.shortest(bits).isNaN { wrong.append(bits) }
                continue
            }
            let shortest = BFloat16.shortest(bits)
            if BFloat16.bits(value) != bits || BFloat16.bits(Float(shortest)) != bits { wrong.append(bits) }
            if value.isFinite, significantDigits(shortest) > 4 { wrong.append(bits) }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(10))")
    }

    private func significantDigits(_ value: Double) -> Int {
        var digits = Substring("\(value)".prefix { $0 != "e" }.filter(\.isNumber))
        while digits.first == "0" { digits.removeFirst() }
        while digits.last == "0" { digits.removeLast() }
        return digits.count
    }

    @Test(
        "a bfloat16 prints as people expect",
        arguments: [
            (0x3F80, 1), (0x3DCD, 0.1), (0x4049, 3.14), (0xC000, -2), (0x7F7F, 3.39e38), (0x0001, 9e-41),
            (0x8000, -0.0), (0x4780, 65_500), (0x3EAB, 0.334),
        ] as [(UInt16, Double)]
    )
    func known(bits: UInt16, value: Double) { #expect(BFloat16.shortest(bits).bitPattern == value.bitPattern) }

    @Test("rounding goes to nearest, ties to even, and beyond the largest to infinity")
    func rounding() {
        let table: [(UInt32, UInt16)] = [
            (0x3F80_0000, 0x3F80), (0x3F80_7FFF, 0x3F80), (0x3F80_8000, 0x3F80), (0x3F80_8001, 0x3F81),
            (0x3F81_7FFF, 0x3F81), (0x3F81_8000, 0x3F82), (0x7F7F_7FFF, 0x7F7F), (0x7F7F_8000, 0x7F80),
            (0x7F80_0000, 0x7F80), (0xFF80_0000, 0xFF80), (0x0000_8000, 0x0000), (0x0000_8001, 0x0001),
            (0x8000_0000, 0x8000), (0x7F80_0001, 0x7FC0), (0xFFFF_FFFF, 0xFFFF),
        ]
        for (float, bits) in table { #expect(BFloat16.bits(Float(bitPattern: float)) == bits, "\(float)") }
    }
}
