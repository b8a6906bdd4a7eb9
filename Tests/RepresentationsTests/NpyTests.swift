import Documents
import Layouts
import TestSupport
import Testing

@testable import Representations

@Suite struct NpyTests {
    private func file(_ header: String, version: UInt8 = 1, length: Int? = nil, latin1: Bool = false) -> [UInt8] {
        let text = latin1 ? header.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } : Array(header.utf8)
        let count = length ?? text.count
        let width = version == 1 ? 2 : 4
        return [0x93] + Array("NUMPY".utf8) + [version, 0]
            + (0..<width).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + text
    }

    private func read(_ bytes: [UInt8]) throws -> NpyHeader { try bytes.withUnsafeBytes { try NpyHeader(reading: $0) } }

    @Test("a header is NumPy's own bytes")
    func golden() throws {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }"
        let padded = text + String(repeating: " ", count: 128 - 10 - text.utf8.count - 1) + "\n"
        #expect(Npy.header(dtype: try DType("f4"), shape: [3, 5]) == file(padded))
        #expect(padded.utf8.count == 118)
    }

    static let headers: [(String, [Int], String)] = [
        ("f4", [], "{'descr': '<f4', 'fortran_order': False, 'shape': (), }"),
        ("?", [3], "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }"),
        (">M8[ns]", [0, 2], "{'descr': '>M8[ns]', 'fortran_order': False, 'shape': (0, 2), }"),
        ("bfloat16", [1], "{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }"),
        ("S3", [1], "{'descr': '|S3', 'fortran_order': False, 'shape': (1,), }"),
        (
            #"[["x","<f4"],["y","i2",[2,3]]]"#, [1],
            "{'descr': [('x', '<f4'), ('y', '<i2', (2, 3))], 'fortran_order': False, 'shape': (1,), }"
        ), (#"[["a'\\","bfloat16"]]"#, [1], #"{'descr': [('a\'\\', '<u2')], 'fortran_order': False, 'shape': (1,), }"#),
        (
            #"[["p",[["q","i1"]]],["\n","i1",[2]]]"#, [],
            #"{'descr': [('p', [('q', '|i1')]), ('\n', '|i1', (2,))], 'fortran_order': False, 'shape': (), }"#
        ),
    ]

    @Test("headers of every kind of dtype are Python's literals, and read back", arguments: headers)
    func writes(dtype: String, shape: [Int], text: String) throws {
        let dtype = try DType(Arrays.value(dtype))
        let bytes = Npy.header(dtype: dtype, shape: shape)
        #expect(bytes.count % 64 == 0 && bytes.last == 10 && bytes[6] == 1 && bytes[7] == 0)
        #expect(Int(bytes[8]) + Int(bytes[9]) << 8 == bytes.count - 10)
        #expect(String(decoding: bytes[10...], as: UTF8.self).trimmingPadding() == text)
        let read = try read(bytes)
        #expect(read.shape == shape && !read.isFortranOrder && read.byteCount == bytes.count)
        #expect(read.dtype.byteCount == dtype.byteCount)
    }

    @Test("a header that is not Latin-1 is of version 3, one beyond 65,535 bytes of version 2")
    func versions() throws {
        let latin = Npy.header(dtype: try DType(Arrays.value(#"[["é","<f4"]]"#)), shape: [2])
        #expect(latin[6] == 1 && latin.count % 64 == 0 && latin.contains(0xE9))
        #expect(try self.read(latin).dtype.fields.map(\.name) == ["é"])
        let unicode = Npy.header(dtype: try DType(Arrays.value(#"[["日","<f4"]]"#)), shape: [2])
        #expect(unicode[6] == 3 && unicode.count % 64 == 0)
        #expect((8..<12).reduce(0) { $0 | Int(unicode[$1]) << (8 * ($1 - 8)) } == unicode.count - 12)
        let read = try read(unicode)
        #expect(read.dtype.fields.map(\.name) == ["日"] && read.shape == [2])
        let many = "[\((0..<4000).map { #"["field\#($0)","<f4"]"# }.joined(separator: ","))]"
        let long = Npy.header(dtype: try DType(Arrays.value(many)), shape: [2])
        #expect(long[6] == 2 && long.count > 65_535 && long.count % 64 == 0)
        #expect(try self.read(long).dtype.fields.count == 4000)
        #expect((8..<12).reduce(0) { $0 | Int(long[$1]) << (8 * ($1 - 8)) } == long.count - 12)
    }

    @Test("the longest header of version 1 fits into its two bytes")
    func longest() throws {
        for count in 65_300...65_470 {
            let dtype = try DType(Arrays.value(#"[["\#(String(repeating: "x", count: count))","i1"]]"#))
            let bytes = Npy.header(dtype: dtype, shape: [])
            let width = bytes[6] == 1 ? 2 : 4
            let length = (8..<8 + width).reduce(0) { $0 | Int(bytes[$1]) << (8 * ($1 - 8)) }
            guard bytes.count == 8 + width + length, bytes.count % 64 == 0, bytes.last == 10 else {
                Issue.record("\(count)")
                return
            }
        }
    }

    static let readable: [(String, String, [Int], Bool)] = [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }", "<f4", [3, 5], false),
        ("{'descr': '<f8', 'fortran_order': True, 'shape': (3, 5)}", "<f8", [3, 5], true),
        (#"{"shape":[2],"descr":"|u1","fortran_order":False}"#, "|u1", [2], false),
        ("{'shape': (2L,), 'fortran_order': False, 'descr': '<i8'}", "<i8", [2], false),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': ()}\n\n", "<i8", [], false),
        ("  { 'descr' : '<i8' ,\t'fortran_order' : False , 'shape' : ( 1 , ) , } ", "<i8", [1], false),
        (
            #"{'descr': [('\x61\u00e9\U0001d11e', '<f4', (2,))], 'fortran_order': False, 'shape': (1,)}"#,
            #"[["aé𝄞","<f4",[2]]]"#, [1], false
        ),
        (
            "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (0,), 'more': [1, -2, (), {'x': True}]}", "<M8[ns]",
            [0], false
        ),
    ]

    @Test("what NumPy and others write is read, in each version", arguments: readable, [1, 2, 3] as [UInt8])
    func reads(row: (String, String, [Int], Bool), version: UInt8) throws {
        let bytes = file(row.0, version: version)
        let header = try read(bytes + [1, 2, 3])
        #expect(
            header.dtype == (try DType(Arrays.value(row.1))) && header.shape == row.2 && header.isFortranOrder == row.3
        )
        #expect(header.byteCount == bytes.count)
    }

    @Test("NumPy writes field names of Latin-1 into version 1, and they are read", arguments: [1, 2] as [UInt8])
    func latin1(version: UInt8) throws {
        let header = "{'descr': [('prix_é', '<f4')], 'fortran_order': False, 'shape': (2,), }"
        let read = try read(file(header, version: version, latin1: true))
        #expect(read.dtype.fields.map(\.name) == ["prix_é"])
    }

    static let invalid = [
        "", " ", "{", "}", "{}", "1", "'a'", "None", "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'shape': (1,)}", "{'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': None, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': 'False', 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': false, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 1}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ('1',)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 'x', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|V8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('x', '<f4'), ('', '|V4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (1,)}",
        "{'descr': {'x': '<f4'}, 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 4, 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{descr: '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)};",
        "{'descr': '<f4', 'fortran_order': Falsey, 'shape': (1,)}",
        #"{'descr': '<f4\', 'fortran_order': False, 'shape': (1,)}"#,
        #"{'descr': '<f\q4', 'fortran_order': False, 'shape': (1,)}"#,
        #"{'descr': [('\x6', 'f4')], 'fortran_order': False, 'shape': (1,)}"#,
        #"{'descr': [('\ud800', 'f4')], 'fortran_order': False, 'shape': (1,)}"#,
        #"{'descr': [('\x+f', 'f4')], 'fortran_order': False, 'shape': (1,)}"#, "__import__('os').system('x')",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': " + String(repeating: "[", count: 1000),
        "{'descr': '<f4', 'fortran_order': False, 'shape': (\(String(repeating: "1,", count: 65)))}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
        "{'descr'; '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4\0', 'fortran_order': False, 'shape': (1,)}",
    ]

    @Test("what is no header of an array is refused", arguments: invalid)
    func refuses(header: String) {
        for version in [1, 2, 3] as [UInt8] {
            let bytes = file(header, version: version)
            let error = #expect(throws: RepresentationError.self) { try read(bytes + [0, 0]) }
            guard case .invalidBody = error else {
                Issue.record("expected invalidBody, got \(String(describing: error))")
                return
            }
        }
    }

    @Test("every prefix of a header, and other files, are refused")
    func prefixes() throws {
        let bytes = Npy.header(dtype: try DType("f4"), shape: [3])
        for end in 0..<bytes.count { #expect(throws: RepresentationError.self) { try read(Array(bytes[..<end])) } }
        for place in 0..<7 {
            var damaged = bytes
            damaged[place] ^= 0x40
            #expect(throws: RepresentationError.self) { try read(damaged) }
        }
        for version in [0, 4, 255] as [UInt8] {
            #expect(throws: RepresentationError.self) {
                try read(file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", version: version))
            }
        }
        #expect(throws: RepresentationError.self) { try read(file("{}", version: 2, length: 0xFFFF_FFFF)) }
        #expect(throws: RepresentationError.self) { try read(file("\u{80}", latin1: true)) }
    }

    @Test("the length of a header is told from its first bytes")
    func length() throws {
        let bytes = Npy.header(dtype: try DType("f4"), shape: [3])
        for count in 0..<12 {
            #expect(
                try bytes.withUnsafeBytes {
                    try NpyHeader.byteCount(of: UnsafeRawBufferPointer(rebasing: $0[..<count]))
                } == nil
            )
        }
        #expect(try bytes.withUnsafeBytes { try NpyHeader.byteCount(of: $0) } == 128)
        #expect(throws: RepresentationError.self) {
            try [UInt8(0x93), 0x4F].withUnsafeBytes { try NpyHeader.byteCount(of: $0) }
        }
    }

    @Test("an empty array whose other axes multiply beyond every integer is read or refused, without a trap")
    func hugeEmpty() async {
        await #expect(processExitsWith: .success) {
            let array = try? PackedArray(dtype: DType("i1"), shape: [1 << 62, 4, 0])
            if let array { #expect(array.count == 0) }
        }
    }
}

extension String {
    /// Without the spaces and the newline at the end.
    fileprivate func trimmingPadding() -> String {
        var text = self
        while text.last == " " || text.last == "\n" { text.removeLast() }
        return text
    }
}
