import Glibc
import TestSupport
import Testing

@testable import Segments

/// The kernel's word of names that changed.
@Suite struct NameWatchTests {
    let workshop: Workshop
    let watch: NameWatch

    init() throws {
        workshop = try Workshop()
        watch = try NameWatch(workshop.directory)
    }

    private func names(_ texts: String...) throws -> NameWatch.Change {
        .names(Set(try texts.map { try SegmentName($0) }))
    }

    @Test("names that are unlinked, renamed or written over are told, those of drafts are not")
    func changes() throws {
        #expect(watch.failure == nil)
        #expect(try watch.wait(atMost: 0) == names())
        _ = try workshop.segment()
        #expect(try watch.wait() == names("a"))
        #expect(rename(workshop.scratch.path("a"), workshop.scratch.path("b")) == 0)
        #expect(try watch.wait() == names("a", "b"))
        #expect(unlink(workshop.scratch.path("b")) == 0)
        #expect(try watch.wait() == names("b"))
        try workshop.file(".hidden").write([1])
        #expect(unlink(workshop.scratch.path(".hidden")) == 0)
        #expect(try watch.wait(atMost: 0) == names())
    }

    @Test("the bell ends one wait, also one that begins later")
    func bell() throws {
        watch.ring()
        watch.ring()
        #expect(try watch.wait() == names())
        try Threads.run(2) { index in
            if index == 0 { watch.ring() } else { _ = watch.wait() }
        }
    }

    @Test("who asks for it is told of new names, and of files that were open for writing")
    func written() throws {
        let watch = try NameWatch(workshop.directory, tellsNew: true, tellsWritten: true)
        try workshop.file("a").write([1])
        #expect(try watch.wait(atMost: 60_000) == names("a"))
        try workshop.file("a").patch([2], at: 0)
        #expect(try watch.wait(atMost: 60_000) == names("a"))
        try #require(chmod(workshop.scratch.path("a"), 0o644) == 0)
        #expect(try watch.wait(atMost: 0) == names())
    }

    @Test("a glance takes what is there, and says when there is more")
    func glance() throws {
        let watch = try NameWatch(workshop.directory, tellsNew: true)
        #expect(try watch.glance() == (names(), true))
        try workshop.file("a").write([1])
        #expect(try watch.glance() == (names("a"), true))
        var all: Set<SegmentName> = []
        for index in 0..<1_000 {
            try workshop.file("name\(index)").write([1])
            all.insert(try SegmentName("name\(index)"))
        }
        let (first, isAll) = watch.glance()
        guard case .names(let some) = first else { throw Failure("expected names, got \(first)") }
        #expect(!isAll && !some.isEmpty && some.count < all.count)
        #expect(watch.wait(atMost: 60_000) == .names(all.subtracting(some)))
    }

    @Test("when the kernel's queue overflows, everything may have changed")
    func overflow() throws {
        let text = try RawFile("/proc/sys/fs/inotify/max_queued_events").line()
        let limit = try #require(Int(text))
        try workshop.file("x").write([1])
        for index in 0...limit {
            let (from, to) = index % 2 == 0 ? ("x", "y") : ("y", "x")
            #expect(rename(workshop.scratch.path(from), workshop.scratch.path(to)) == 0)
        }
        #expect(watch.wait() == .everything)
        #expect(try watch.wait(atMost: 0) == names())
    }

    @Test("without a watch everything is looked at, soon")
    func blind() throws {
        let path = workshop.scratch.path("gone")
        #expect(mkdir(path, 0o700) == 0)
        let directory = try SegmentDirectory(path: path)
        #expect(rmdir(path) == 0)
        let watch = try NameWatch(directory)
        #expect(watch.failure != nil)
        #expect(watch.wait() == .everything)
    }
}

extension RawFile {
    /// The first line of a file of the kernel's, which has no size.
    fileprivate func line() throws -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure("open \(path)") }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { throw Failure("read") }
        return String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
