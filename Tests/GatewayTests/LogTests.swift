import Documents
import Glibc
import Logging
import Testing

@testable import Gateway

/// Lines of the log: one for each event, whatever stands in it.
@Suite struct LogTests {
    /// What a handler wrote into a pipe.
    private func written(_ format: LineLogHandler.Format, _ body: (Logger) -> Void) throws -> String {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        body(Logger(label: "test") { LineLogHandler(label: $0, format: format, descriptor: ends[1]) })
        close(ends[1])
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(ends[0], &piece, piece.count)
            if count <= 0 { break }
            bytes += piece.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func json(_ line: Substring) throws -> [String: JSONValue] {
        var reader = JSONReader(UnsafeRawBufferPointer(start: nil, count: 0))
        let value = try Array(line.utf8).withUnsafeBytes { bytes in
            reader = JSONReader(bytes)
            let value = try reader.value()
            try reader.finish()
            return value
        }
        guard case .object(let object) = value else { throw HostFailure(description: "no object: \(line)") }
        return Dictionary(object.members.map { ($0.name, $0.value) }) { first, _ in first }
    }

    private static let nasty = [
        "a\nb", "a\r\n2026-01-01T00:00:00Z info x: forged", "\" status=200", "\\\"", "\u{1B}[2J",
        "\u{0}\u{7F}\u{85}\u{9B}",
        "\u{2028}\u{202E}\u{2066}", String(decoding: [0xFF, 0x80, 0x41] as [UInt8], as: UTF8.self), "", "é😀", "a=b c",
    ]

    @Test("text: a line stays one line, and a value one value", arguments: nasty)
    func text(value: String) throws {
        let text = try written(.text) { $0.warning("happened \(value)", metadata: ["field": "\(value)", "next": "1"]) }
        #expect(text.hasSuffix("\n"))
        let line = text.dropLast()
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
        #expect(!line.unicodeScalars.contains { (0x2028...0x202E).contains($0.value) || $0.value == 0x2066 })
        #expect(
            line.wholeMatch(of: /[0-9T:.-]+Z warning test: happened .*field=([!-~&&[^"]]+|"([^"\\]|\\.)*") next=1/)
                != nil
        )
    }

    @Test("JSON: a line is one object, and gives back what was said", arguments: nasty)
    func json(value: String) throws {
        let text = try written(.json) { logger in
            logger.error(
                "happened \(value)",
                metadata: [
                    "field": "\(value)", "\(value)": "key", "status": .stringConvertible(200), "time": "mine",
                    "list": .array(["a", "\(value)"]),
                ]
            )
        }
        #expect(text.hasSuffix("\n") && text.dropLast().utf8.allSatisfy { $0 != UInt8(ascii: "\n") })
        let line = try json(text.dropLast())
        #expect(line["message"] == .string("happened \(value)"))
        #expect(line["field"] == .string(value))
        #expect(line["level"] == .string("error"))
        #expect(line["logger"] == .string("test"))
        #expect(line["status"] == .number(.integer(200)))
        #expect(line["time_"] == .string("mine"))
        #expect(line["list"] == .array([.string("a"), .string(value)]))
        guard case .string(let time)? = line["time"] else { throw HostFailure(description: "no time in \(text)") }
        #expect(time.wholeMatch(of: /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z/) != nil)
    }

    @Test("lines of threads never mix, however long they are")
    func threads() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        // A pipe of one page, so that a line does not fit and its writer has to wait in the middle.
        let setPipeSize: Int32 = 1_031
        try #require(fcntl(ends[1], setPipeSize, 4_096) >= 0)
        let logger = Logger(label: "test") { LineLogHandler(label: $0, format: .json, descriptor: ends[1]) }
        var threads: [pthread_t] = []
        for number in 0..<8 {
            let box = Unmanaged.passRetained(LineWriter(logger, number))
            var thread = pthread_t()
            let code = pthread_create(
                &thread,
                nil,
                { raw in
                    guard let raw else { return nil }
                    let writer = Unmanaged<LineWriter>.fromOpaque(raw).takeRetainedValue()
                    for line in 0..<20 { writer.say(line) }
                    return nil
                },
                box.toOpaque()
            )
            try #require(code == 0)
            threads.append(thread)
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while bytes.count(where: { $0 == UInt8(ascii: "\n") }) < 160 {
            let count = read(ends[0], &piece, piece.count)
            try #require(count > 0)
            bytes += piece.prefix(count)
        }
        for thread in threads { pthread_join(thread, nil) }
        close(ends[1])
        close(ends[0])
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 160)
        for line in lines {
            guard case .string(let text)? = try json(line)["text"] else {
                throw HostFailure(description: "a torn line")
            }
            #expect(text.utf8.count == 8_000 && Set(text.utf8).count == 1)
        }
    }

    private final class LineWriter: Sendable {
        private let logger: Logger
        private let text: String

        init(_ logger: Logger, _ number: Int) {
            self.logger = logger
            text = String(repeating: "\(number)", count: 8_000)
        }

        func say(_ line: Int) { logger.info("line \(line)", metadata: ["text": "\(text)"]) }
    }
}
