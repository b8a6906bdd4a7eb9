import Documents
import Segments
import TestSupport
import Testing

@testable import Layouts

/// One list of cases, each layout from both sides: what a header says of it, and what two processes read of each other.
@Suite struct ContractTests {
    @Test("a layout is written in canonical form, which reads back as itself", arguments: ContractCase.all)
    func canonical(_ layout: ContractCase) throws {
        let node = try LayoutNode(json: layout.request)
        #expect(node.json == layout.node)
        #expect(try LayoutNode(.parse(layout.node), .header).json == layout.node)
        let header = try SegmentHeader(layout: node, attrs: #"{"a":1}"#)
        let bytes = header.json.withUnsafeBytes { Array($0) }
        let start = header.arrays.first?.byteOffset ?? 8192
        let read = try SegmentHeader(reading: bytes, dataOffset: start, totalBytes: start + header.dataBytes)
        #expect(read.json.text == header.json.text)
    }

    @Test("arrays stand in the order of the format, each on the next multiple of 64", arguments: ContractCase.all)
    func places(_ layout: ContractCase) throws {
        let header = try SegmentHeader(layout: LayoutNode(json: layout.request), attrs: "{}")
        #expect(header.arrays.map { "\($0.path) \($0.dtype.bufferDType) \($0.shape)" } == layout.buffers)
        var end = 8192
        for array in header.arrays {
            #expect(array.byteOffset == (end + 63) / 64 * 64, "\(array.path)")
            end = array.byteOffset + array.byteCount
        }
    }

    @Test("what one process writes another reads, and back", arguments: ContractCase.all)
    func processes(_ layout: ContractCase) async throws {
        let scratch = try ScratchDirectory()
        let object = try SharedObject.create(layout.name, LayoutNode(json: layout.request), in: scratch.segments())
        #expect(try object.segment.sequence() == 2)
        try object.fillAll(seed: 3)
        #expect(try object.holdsAll(seed: 3))
        await #expect(processExitsWith: .success) { [path = scratch.path as String, name = layout.name as String] in
            Watchdog.start(seconds: 60)
            let layout = try #require(ContractCase.all.first { $0.name == name })
            let object = try SharedObject.load(name, in: SegmentDirectory(path: path))
            #expect(object.layout.json == layout.node)
            for (path, values) in layout.labels { #expect(try object.labels(path).values() == values) }
            #expect(try object.holdsAll(seed: 3))
            try object.fillAll(seed: 8)
        }
        #expect(try object.holdsAll(seed: 8))
        #expect(try object.segment.sequence() == 6)
    }

    @Test("the first value of a JSON segment is its text, padded")
    func json() throws {
        let scratch = try ScratchDirectory()
        let node = try LayoutNode(json: #"{"kind":"json","value":{"a":[1,null]},"capacity":20}"#)
        let object = try SharedObject.create("a", node, in: scratch.segments())
        #expect(
            try object.array(of: UInt8.self).snapshot().elements
                == Array(#"{"a":[1,null]}"#.utf8) + [UInt8](repeating: 0, count: 6)
        )
        let empty = try SharedObject.create("b", JSONLayout(capacity: 5), in: scratch.segments())
        #expect(try empty.array(of: UInt8.self).snapshot().elements == Array("null\0".utf8))
    }
}

extension SharedObject {
    /// Writes bytes that differ from array to array to all that is no labels, as one write.
    fileprivate func fillAll(seed: Int) throws {
        try write { changes in
            for number in writableArrays {
                let array = try bytes(arrays[number].path)
                try changes.set(array, to: Self.pattern(array.count, number, seed))
            }
        }
    }

    /// Whether these bytes stand there, each array by itself and all as one copy.
    fileprivate func holdsAll(seed: Int) throws -> Bool {
        try writableArrays.allSatisfy { number in
            let copy = try bytes(arrays[number].path).snapshot()
            return copy.elements == Self.pattern(copy.elements.count, number, seed)
                && copy.shape == arrays[number].shape + [arrays[number].dtype.byteCount]
        }
    }

    private static func pattern(_ count: Int, _ number: Int, _ seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number &* 31 &+ seed) }
    }
}
