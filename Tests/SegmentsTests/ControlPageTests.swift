import CSegment
import Glibc
import TestSupport
import Testing

@testable import Segments

@Suite struct ControlPageTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    @Test("a new segment's file is the format's golden bytes")
    func goldenBytes() throws {
        let before = Clock.unixNs()
        let header = Array(#"{"format":1,"attrs":{}}"#.utf8)
        let draft = try workshop.draft(dataBytes: 100, header: header)
        let uuid = draft.uuid
        try [UInt8(7)].withUnsafeBytes { try draft.fill(8192 + 99..<8192 + 100, repeating: $0) }
        try draft.publish(as: SegmentName("a"))
        let file = workshop.file()
        #expect(try file.size() == 12_288)
        #expect(try file.mode() == 0o600)

        let created = try file.number(at: 88, as: Int64.self)
        #expect(created >= before && created <= Clock.unixNs())
        var expected: [UInt8] = Array("SHMGATE".utf8) + [0]
        expected.append(UInt32(1))
        expected.append(UInt32(0))
        expected.append(uuid.high.bigEndian)
        expected.append(uuid.low.bigEndian)
        for word in [12_288, 4096, UInt64(header.count), 8192, 2, 0, UInt64(getpid())] { expected.append(word) }
        expected.append(created)
        expected.append(created)
        for word in [0, 0, 0] as [UInt64] { expected.append(word) }
        #expect(expected.count == 128)
        expected += [UInt8](repeating: 0, count: 4096 - 128)
        expected += header + [UInt8](repeating: 0, count: 4096 - header.count)
        expected += [UInt8](repeating: 0, count: 99) + [7] + [UInt8](repeating: 0, count: 4096 - 100)
        #expect(try file.bytes() == expected)
    }

    @Test("the read-only flag, the mode and the lifetime stand where the format says")
    func options() throws {
        let draft = try workshop.draft(dataBytes: 0, mode: 0o640, isReadOnly: true, lifetimeSeconds: 2.5)
        try draft.publish(as: SegmentName("a"))
        let file = workshop.file()
        #expect(try file.number(at: 12, as: UInt32.self) == 1)
        #expect(try file.mode() == 0o640)
        let created = try file.number(at: 88, as: Int64.self)
        #expect(try file.number(at: 104, as: Int64.self) == created + 2_500_000_000)
        #expect(try file.size() == 8192)
        let segment = try workshop.load("a")
        #expect(!segment.isWritable)
        #expect(try segment.vitals().expiresNs == created + 2_500_000_000)
    }

    @Test("the C structures have the offsets of the format")
    func cOffsets() {
        typealias Page = shmgate_control
        typealias Journal = shmgate_journal
        #expect(MemoryLayout<Page>.size == 4096)
        let page: [(PartialKeyPath<Page>, Int)] = [
            (\.magic, 0), (\.format_version, 8), (\.flags, 12), (\.uuid, 16), (\.total_bytes, 32),
            (\.header_offset, 40), (\.header_bytes, 48), (\.data_offset, 56), (\.sequence, 64),
            (\.interrupted_writes, 72), (\.writer_pid, 80), (\.created_ns, 88), (\.modified_ns, 96),
            (\.expires_ns, 104), (\.state, 112), (\.damaged, 120), (\.reserved, 128), (\.journal, 2048),
        ]
        for (path, offset) in page { #expect(MemoryLayout<Page>.offset(of: path) == offset, "\(path)") }
        let journal: [(PartialKeyPath<Journal>, Int)] = [
            (\.kind, 0), (\.flags, 4), (\.sequence, 8), (\.uuid, 16), (\.bytes, 32), (\.file, 40), (\.crc, 56),
            (\.payload, 64),
        ]
        for (path, offset) in journal { #expect(MemoryLayout<Journal>.offset(of: path) == offset, "\(path)") }
        #expect(MemoryLayout<Journal>.size == 2048)
        #expect(Segments.Journal.offset == 2048 && Segments.Journal.payloadOffset == 2112)
        #expect(Segments.Journal.capacity == 4096 - 2112)
    }

    @Test("the lock ranges are the eight bytes at 64 and at 72")
    func lockRanges() throws {
        let segment = try workshop.segment()
        let path = workshop.scratch.path("a")
        try segment.withWriteLock(until: .immediate) { _ in }
        #expect(try ForeignLock.isFree(path, .lock))
        let lock = try ForeignLock(path, .lock)
        #expect(throws: SegmentError.self) { try segment.withWriteLock(until: .immediate) { _ in } }
        withExtendedLifetime(lock) {}
    }

    @Test("a file without the magic is no segment", arguments: 0..<8)
    func magic(position: Int) throws {
        _ = try workshop.segment()
        try workshop.file().patch([0xFF], at: position)
        #expect(throws: SegmentError.noSuchSegment("a")) { try workshop.load("a") }
    }

    static let lies: [(String, Int, UInt64)] = [
        ("total_bytes beyond the file", 32, 16_384), ("total_bytes of no whole page", 32, 12_289),
        ("total_bytes of zero", 32, 0), ("total_bytes of 2^63", 32, 1 << 63), ("total_bytes of 2^64-1", 32, .max),
        ("total_bytes before data_offset", 32, 4096), ("header_offset of 0", 40, 0),
        ("header_offset of 8192", 40, 8192),
        ("header_offset of 2^64-1", 40, .max), ("header_bytes over 16 MiB", 48, 16 << 20 + 1),
        ("header_bytes beyond data_offset", 48, 4097), ("header_bytes of 2^63-1", 48, UInt64(Int64.max)),
        ("header_bytes of 2^64-1", 48, .max), ("data_offset of 0", 56, 0), ("data_offset of 4096", 56, 4096),
        ("data_offset of no whole page", 56, 8193), ("data_offset beyond total_bytes", 56, 16_384),
        ("data_offset of 2^63", 56, 1 << 63), ("data_offset of 2^63-4096", 56, 1 << 63 - 4096),
    ]

    @Test("a control page that lies is corrupt", arguments: lies)
    func lie(what: String, offset: Int, value: UInt64) throws {
        _ = try workshop.segment()
        try workshop.file().patch(value, at: offset)
        let error = #expect(throws: SegmentError.self) { try workshop.load("a") }
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }

    @Test(
        "an unknown version or flag is refused as a format that is not known",
        arguments: [(8, 0), (8, 2), (8, UInt32.max), (12, 2), (12, 3), (12, 1 << 31)] as [(Int, UInt32)]
    )
    func unsupported(offset: Int, value: UInt32) throws {
        _ = try workshop.segment()
        try workshop.file().patch(value, at: offset)
        let error = #expect(throws: SegmentError.self) { try workshop.load("a") }
        guard case .unsupportedFormat = error else {
            Issue.record("expected unsupportedFormat, got \(String(describing: error))")
            return
        }
    }

    @Test("a file may be longer than total_bytes, for nothing is located by its size")
    func longerFile() throws {
        _ = try workshop.segment()
        try workshop.file().truncate(to: 100_000)
        #expect(try workshop.load("a").totalBytes == 12_288)
    }

    @Test("a file shorter than the magic is no segment", arguments: [0, 7])
    func shortFile(size: Int) throws {
        _ = try workshop.segment()
        try workshop.file().truncate(to: size)
        #expect(throws: SegmentError.noSuchSegment("a")) { try workshop.load("a") }
    }

    @Test("a file cut behind its magic is corrupt", arguments: [8, 127, 128, 4095, 4096, 8192, 12_287])
    func cutFile(size: Int) throws {
        _ = try workshop.segment()
        try workshop.file().truncate(to: size)
        let error = #expect(throws: SegmentError.self) { try workshop.load("a") }
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }

    @Test("what only looks like a name of a segment is not loaded")
    func otherFiles() throws {
        _ = try workshop.segment("real")
        let scratch = workshop.scratch
        try #require(symlink("real", scratch.path("link")) == 0)
        try #require(symlink("nowhere", scratch.path("dangling")) == 0)
        try #require(mkfifo(scratch.path("fifo"), 0o600) == 0)
        try #require(mkdir(scratch.path("directory"), 0o700) == 0)
        try RawFile(scratch.path("foreign")).write([UInt8](repeating: 65, count: 10_000))
        try RawFile(scratch.path("empty")).write([])
        let socketFile = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socketFile) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: scratch.path("socket").utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socketFile, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        for name in ["link", "dangling", "fifo", "directory", "foreign", "empty", "socket", "absent"] {
            #expect(throws: SegmentError.noSuchSegment(name)) { try workshop.load(name) }
            #expect(throws: SegmentError.noSuchSegment(name)) {
                try workshop.directory.unlink(SegmentName(name), until: .immediate)
            }
        }
        #expect(try scratch.names().count == 8)
        #expect(try workshop.directory.names().map(\.description) == ["empty", "foreign", "real"])
    }
}
