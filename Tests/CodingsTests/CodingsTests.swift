import Glibc
import Testing

@testable import Codings

@Suite struct CodingsTests {
    /// Bytes that are half noise and half zeros.
    static let text = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 & 1024 == 0 ? 0 : ($0 &* 2_654_435_761) >> 13) }

    private func packed(_ text: [UInt8], _ coding: Coding, room: Int = 1_000, piece: Int = 777) throws -> [UInt8] {
        var packer = try Packer(coding, ofBytes: text.count)
        var result: [UInt8] = []
        var output = [UInt8](repeating: 0, count: room)
        var next = 0
        while true {
            let input = text[next..<min(next + piece, text.count)]
            let step = try Array(input).withUnsafeBytes { input in
                try output.withUnsafeMutableBytes {
                    try packer.pack(input, into: $0, next == text.count ? .end : .none)
                }
            }
            let wasEnd = next == text.count
            next += step.read
            result += output[..<step.written]
            if wasEnd, step.isDone { return result }
        }
    }

    private func unpacked(_ bytes: [UInt8], _ coding: Coding, limit: Int = 1 << 20) throws -> [UInt8] {
        try bytes.withUnsafeBytes { raw in
            let result = try Unpacker.unpack(raw, coding, limit: limit) { _ in true }
            defer { free(result.baseAddress) }
            return Array(result)
        }
    }

    @Test("what is packed piece by piece is unpacked whole", arguments: [Coding.gzip, .zstd], [0, 1, 300_000])
    func roundTrip(coding: Coding, count: Int) throws {
        let text = Array(Self.text.prefix(count))
        for (room, piece) in [(1, 100_000), (64, 5), (100_000, 300_000)] where room > 1 || count < 2 {
            #expect(try unpacked(packed(text, coding, room: room, piece: piece), coding) == text)
        }
        let twice = try packed(text, coding) + packed(text, coding)
        #expect(try unpacked(twice, coding) == text + text)
    }

    @Test(
        "a cut text is refused at every cut, and so is one with something behind it",
        arguments: [Coding.gzip, .zstd]
    )
    func cuts(coding: Coding) throws {
        let whole = try packed(Array(Self.text.prefix(2_000)), coding)
        for end in 0..<whole.count {
            #expect(throws: CodingError.self, "\(end)") { try unpacked(Array(whole[..<end]), coding) }
        }
        for more in [[0], [1, 2, 3], Array(whole.prefix(7))] as [[UInt8]] {
            #expect(throws: CodingError.self) { try unpacked(whole + more, coding) }
        }
    }

    @Test("one byte more than may be is too many", arguments: [Coding.gzip, .zstd])
    func limits(coding: Coding) throws {
        let bytes = try packed(Self.text, coding)
        #expect(try unpacked(bytes, coding, limit: Self.text.count) == Self.text)
        #expect(throws: CodingError.tooLarge) { try unpacked(bytes, coding, limit: Self.text.count - 1) }
        #expect(throws: CodingError.tooLarge) { try unpacked(bytes, coding, limit: 0) }
        #expect(try unpacked(packed([], coding), coding, limit: 0) == [])
        var asked = 0
        #expect(throws: CodingError.outOfMemory) {
            _ = try bytes.withUnsafeBytes { raw in
                try Unpacker.unpack(raw, coding, limit: 1 << 20) { more in
                    asked += more
                    return asked < 100_000
                }
            }
        }
    }

    @Test("bytes that have to be so many are exactly so many", arguments: [Coding.gzip, .zstd])
    func exact(coding: Coding) throws {
        let bytes = try packed(Self.text, coding)
        for count in [Self.text.count, Self.text.count - 1, Self.text.count + 1, 0] {
            var output = [UInt8](repeating: 0, count: count)
            func unpack() throws {
                try bytes.withUnsafeBytes { raw in
                    try output.withUnsafeMutableBytes { try Unpacker.unpack(raw, coding, exactly: $0) }
                }
            }
            if count == Self.text.count {
                try unpack()
                #expect(output == Self.text)
            } else {
                #expect(throws: CodingError.self, "\(count)") { try unpack() }
            }
        }
    }

    @Test("what is flushed can be read although the text goes on", arguments: [Coding.gzip, .zstd])
    func flushes(coding: Coding) throws {
        var packer = try Packer(coding, ofBytes: 2_000)
        var unpacker = try Unpacker(coding)
        var output = [UInt8](repeating: 0, count: 4_096)
        var text = [UInt8](repeating: 0, count: 4_096)
        let step = try [UInt8](repeating: 7, count: 1_000).withUnsafeBytes { input in
            try output.withUnsafeMutableBytes { try packer.pack(input, into: $0, .all) }
        }
        #expect(step.read == 1_000 && step.isDone)
        let read = try output[..<step.written].withUnsafeBytes { packed in
            try text.withUnsafeMutableBytes { try unpacker.unpack(packed, into: $0) }
        }
        #expect(read.written == 1_000 && !unpacker.isComplete)
    }
}
