import Glibc
import TestSupport
import Testing

@testable import Segments

/// A tmpfs of one MiB, so that the memory of the machine need not be filled.
@Suite struct FullMemoryTests {
    /// Mounted in a scratch directory; root only.
    private final class SmallMemory {
        let scratch: ScratchDirectory
        let path: String

        init() throws {
            scratch = try ScratchDirectory()
            path = scratch.path("small")
            try #require(mkdir(path, 0o700) == 0)
            let code = mount("tmpfs", path, "tmpfs", 0, "size=1m")
            guard code == 0 else { throw Failure("mount") }
        }

        deinit { umount2(path, 2) }  // MNT_DETACH

        func names() throws -> [String] { try ScratchNames.of(path) }
    }

    private enum ScratchNames {
        static func of(_ path: String) throws -> [String] {
            guard let stream = opendir(path) else { throw Failure("opendir") }
            defer { closedir(stream) }
            var names: [String] = []
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { names.append(name) }
            }
            return names.sorted()
        }
    }

    private func expectOutOfSpace(_ body: () throws -> Void) {
        let error = #expect(throws: SegmentError.self, performing: body)
        guard case .outOfSpace = error else {
            Issue.record("expected outOfSpace, got \(String(describing: error))")
            return
        }
    }

    @Test("full shared memory is an error that changes nothing", .enabled(if: geteuid() == 0, "mounting needs root"))
    func full() throws {
        let memory: SmallMemory
        do {
            memory = try SmallMemory()
        } catch {
            // Root of a container without CAP_SYS_ADMIN is root in name only.
            withKnownIssue("this root may not mount") { Issue.record(error) }
            return
        }
        let directory = try SegmentDirectory(path: memory.path)
        let header = Workshop.header
        func draft(_ count: Int) throws -> SegmentDraft {
            try header.withUnsafeBytes { try SegmentDraft(in: directory, header: $0, dataBytes: count) }
        }
        expectOutOfSpace { _ = try draft(2 << 20) }
        #expect(try memory.names() == [])
        do { try draft(900_000).publish(as: SegmentName("a")) }
        expectOutOfSpace { _ = try draft(200_000) }
        #expect(try memory.names() == ["a"])

        let segment = try directory.load(SegmentName("a"))
        expectOutOfSpace {
            _ = try segment.prepare([UInt8](repeating: 1, count: 800_000), to: [segment.run(count: 800_000)])
        }
        #expect(try memory.names() == ["a"])
        #expect(try segment.sequence() == 2)
        #expect(try segment.read(segment.run(count: 4)).bytes == [0, 0, 0, 0])
        #expect(try segment.write([1, 2, 3], to: segment.run(count: 3)) == 4, "a small write needs no memory")
    }

    @Test("a staged body that fills the memory is out of space", .enabled(if: geteuid() == 0, "mounting needs root"))
    func fullBody() throws {
        guard let memory = try? SmallMemory() else { return }
        let directory = try SegmentDirectory(path: memory.path)
        do {
            try Workshop.header.withUnsafeBytes {
                _ = try SegmentDraft(in: directory, header: $0, dataBytes: 900_000).publish(as: SegmentName("a"))
            }
        }
        let segment = try directory.load(SegmentName("a"))
        do {
            let staged = try StagedFile(for: segment)
            let piece = [UInt8](repeating: 1, count: 65_536)
            expectOutOfSpace {
                for _ in 0..<14 { try piece.withUnsafeBytes { try staged.append($0) } }
            }
        }
        #expect(try memory.names() == ["a"])
    }

    @Test("what is kept for the next writes is given back to who needs it", .enabled(if: geteuid() == 0, "mounting"))
    func spares() throws {
        guard let memory = try? SmallMemory() else { return }
        let directory = try SegmentDirectory(path: memory.path)
        directory.spares.keep(mostBytes: 1 << 20)
        func make(_ name: String, _ count: Int) throws {
            try Workshop.header.withUnsafeBytes {
                _ = try SegmentDraft(in: directory, header: $0, dataBytes: count).publish(as: SegmentName(name))
            }
        }
        try make("a", 300_000)
        let segment = try directory.load(SegmentName("a"))
        try segment.write([UInt8](repeating: 1, count: 200_000), to: segment.run(count: 200_000))
        #expect(try memory.names().count == 2)
        try make("b", 600_000)
        #expect(try memory.names() == ["a", "b"])
        try segment.write([UInt8](repeating: 1, count: 100_000), to: segment.run(count: 100_000))
        #expect(try memory.names().count == 3)
        try #require(chmod("\(memory.path)/b", 0o640) == 0)
        let other = try directory.load(SegmentName("b"))
        try other.write([UInt8](repeating: 2, count: 110_000), to: other.run(count: 110_000))
        #expect(try memory.names().count == 3, "the spare of the one mode has gone for the other")
    }

    @Test("a private folder that cannot be made is spoken of as a folder", .enabled(if: geteuid() == 0, "mounting"))
    func readOnlyFolder() throws {
        guard let memory = try? SmallMemory() else { return }
        let folder = try PrivateFolder(below: memory.path)
        try #require(mount("tmpfs", memory.path, nil, 32 | 1, nil) == 0)  // MS_REMOUNT, MS_RDONLY
        let error = #expect(throws: SegmentError.self) { try folder.store([1], as: "x") }
        guard case .forbidden(let text) = error else {
            Issue.record("expected forbidden, got \(String(describing: error))")
            return
        }
        #expect(text.contains("folder .shmgate-0") && !text.contains(memory.path) && !text.contains("segment"))
    }
}
