import Documents
import Layouts
import Testing

@testable import Representations

@Suite struct ZarrTests {
    private func node(_ layout: String, attrs: String = "{}", width: Int = 3) throws -> ZarrNode {
        try ZarrNode(LayoutNode(json: layout), attrs: attrs) { _, _ in width }
    }

    private func text(_ key: ZarrKey?) throws -> String {
        guard case .document(let node, let document) = key else { return "" }
        var json = JSONWriter()
        node.write(document, to: &json)
        return json.finish().text
    }

    private func text(_ node: ZarrNode, _ path: String) throws -> String {
        try text(node.resolve(path.split(separator: "/").map(String.init)[...]))
    }

    @Test("metadata of an array are these bytes")
    func golden() throws {
        let array = try node(#"{"kind": "ndarray", "dtype": ">f4", "shape": [3, 0]}"#, attrs: #"{"a":[1]}"#)
        #expect(
            try text(array, "zarr.json") == """
                {"shape":[3,0],"data_type":"float32","chunk_grid":{"name":"regular","configuration":{"chunk_shape":[3,1]}},\
                "chunk_key_encoding":{"name":"default","configuration":{"separator":"/"}},"fill_value":"NaN",\
                "codecs":[{"name":"bytes","configuration":{"endian":"big"}}],"attributes":{"a":[1]},"zarr_format":3,\
                "node_type":"array","storage_transformers":[]}
                """
        )
        #expect(
            try text(array, ".zarray") == """
                {"shape":[3,0],"chunks":[3,1],"dtype":">f4","fill_value":"NaN","order":"C","filters":null,\
                "dimension_separator":".","compressor":null,"zarr_format":2}
                """
        )
    }

    @Test("metadata of a group have those of everything below")
    func consolidated() throws {
        let tree = try node(
            #"{"kind": "struct", "members": {"a": {"kind": "list", "item": {"kind": "bytes", "size": 2}, "count": 1}}}"#
        )
        #expect(try text(tree, "zarr.json").contains(#""a/0":{"shape":[2]"#))
        #expect(try text(tree, "a/zarr.json").contains(#""metadata":{"0":{"shape":[2]"#))
        #expect(
            try text(tree, "a/.zmetadata").hasPrefix(
                #"{"metadata":{".zgroup":{"zarr_format":2},".zattrs":{},"0/.zarray""#
            )
        )
        #expect(try text(tree, "a/0/.zattrs") == #"{"_ARRAY_DIMENSIONS":["dim_0"]}"#)
    }

    static let fills: [(String, String, [UInt8])] = [
        ("?", "false", [0]), ("i1", "-128", [0x80]), ("u1", "255", [0xFF]), ("<i2", "-32768", [0, 0x80]),
        (">i2", "-32768", [0x80, 0]), ("<f2", "\"NaN\"", [0, 0x7E]), (">f4", "\"NaN\"", [0x7F, 0xC0, 0, 0]),
        ("<c8", "[\"NaN\",\"NaN\"]", [0, 0, 0xC0, 0x7F, 0, 0, 0xC0, 0x7F]), ("S2", "\"\"", [0, 0]),
        ("<M8[ns]", "-9223372036854775808", [0, 0, 0, 0, 0, 0, 0, 0x80]), ("bfloat16", "32704", [0xC0, 0x7F]),
    ]

    @Test("the fill value is what no ordinary chunk is full of", arguments: fills)
    func fill(dtype: String, json: String, bytes: [UInt8]) throws {
        let type = ZarrType(try DType(dtype))
        #expect(type.fill.json == json)
        #expect(type.fill.bytes == bytes)
        #expect(type.fillV2.bytes.count == bytes.count)
    }

    @Test("chunks are runs of at most the target, however the extents are")
    func grids() throws {
        let seed: UInt64 = 20
        var state = seed
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        for _ in 0..<2_000 {
            let shape = (0..<next(5)).map { _ in next(8) == 0 ? next(3) : next(3) == 0 ? next(400_000) : next(30) }
            guard let count = product(shape, times: 1), count < 1 << 34 else { continue }
            let item = 1 << next(5)
            let grid = ZarrGrid(shape: shape, itemByteCount: item)
            #expect(grid.chunkCount * item <= ZarrGrid.targetBytes, "seed \(seed), \(shape)")
            guard let chunks = product(grid.counts, times: 1), chunks < 5_000 else { continue }
            // Chunk after chunk is the next run: nothing is left out, and nothing is there twice.
            var expected = 0
            var place = [Int](repeating: 0, count: shape.count)
            for _ in 0..<chunks {
                let chunk = try #require(grid.chunk(at: place))
                #expect(chunk.firstElement == expected, "seed \(seed), \(shape) \(place)")
                expected += chunk.elementCount
                for axis in place.indices.reversed() {
                    place[axis] += 1
                    if place[axis] < grid.counts[axis] { break }
                    place[axis] = 0
                }
            }
            #expect(expected == count, "seed \(seed), \(shape)")
        }
    }

    @Test("an element beyond the target is a chunk alone")
    func large() {
        #expect(ZarrGrid(shape: [4, 3], itemByteCount: 8 << 20).chunkShape == [1, 1])
        #expect(ZarrGrid(shape: [9], itemByteCount: 1 << 20).chunkShape == [3])
    }

    static let names: [(String, String)] = [
        ("größe/m", "größe%2Fm"), ("50%", "50%"), ("a%2Fb", "a_2Fb"), ("q?#", "q%3F%23"), ("", "_"), ("..", "__"),
        ("a.b", "a.b"), ("\\", "%5C"), ("100%2", "100%2"),
    ]

    @Test("names are kept as far as URLs can carry them", arguments: names)
    func name(given: String, node: String) { #expect(ZarrNames.encoded(given) == node) }

    @Test("only the keys that there are lead somewhere")
    func keys() throws {
        let array = try node(#"{"kind": "ndarray", "dtype": "f8", "shape": [5]}"#)
        for path in [["c", "0"], ["0"], ["zarr.json"], [".zattrs"], [], [""]] {
            #expect(array.resolve(path[...]) != nil)
        }
        for path in [
            ["c"], ["c", "1"], ["c", "00"], ["c", "+0"], ["c", "0", ""], ["1"], ["0.0"], [".zgroup"], ["x"],
        ] {
            #expect(array.resolve(path[...]) == nil, "\(path)")
        }
        let scalar = try node(#"{"kind": "ndarray", "dtype": "f8", "shape": []}"#)
        #expect(scalar.resolve(["c"]) != nil)
        #expect(scalar.resolve(["0"]) != nil)
        #expect(scalar.resolve(["c", "0"]) == nil)
    }
}
