import Glibc
import TestSupport
import Testing

@testable import Segments

/// What is removed, and what is not, when segments that nobody maps are collected.
@Suite struct OrphanTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    /// Makes a segment whose last write was so many seconds ago, and lets go of it.
    private func make(_ name: String, secondsAgo: Int64 = 1_000) throws {
        _ = try workshop.segment(name)
        try workshop.file(name).patch(Clock.unixNs() - secondsAgo * 1_000_000_000, at: ControlWord.modified)
    }

    /// A walk that counts as complete: on few machines a test may look at everybody.
    private static func look(_ segment: Segment) -> ProcessSurvey {
        var survey = ProcessSurvey(witness: segment)
        survey.gaps = []
        return survey
    }

    private func search(olderThan seconds: Int64 = 100, prefix: String = "") throws -> OrphanSearch {
        try workshop.directory.orphans(olderThan: seconds, prefix: prefix, look: Self.look)
    }

    private func remove(_ orphan: Orphan, until deadline: Deadline = .immediate) throws -> Keeping? {
        try workshop.directory.remove(orphan, until: deadline, look: Self.look)
    }

    private func names(_ search: OrphanSearch) -> [String] { search.orphans.map(\.name.description) }

    @Test("old ones that nobody maps are found; the others are counted with the reason")
    func found() throws {
        for name in ["old", "mapped", "pinned"] { try make(name) }
        try make("young", secondsAgo: 10)
        try make("future", secondsAgo: -1_000)
        try make("absurd")
        try workshop.file("absurd").patch(Int64.min, at: ControlWord.modified)
        try workshop.file("foreign").write(Array(repeating: 1, count: 9_000))
        try workshop.file("broken").write(ControlPage.magic + Array(repeating: 0xFF, count: 9_000))
        try #require(Glibc.link(workshop.scratch.path("pinned"), workshop.scratch.path(".second")) == 0)
        let child = try Child.mapping(workshop.scratch.path("mapped"))
        let search = try self.search()
        #expect(names(search) == ["old"])
        #expect(search.kept == [.young: 3, .attached: 1, .pinned: 1, .unreadable: 1])
        #expect(names(try self.search(prefix: "o")) == ["old"])
        #expect(names(try self.search(prefix: "x")) == [])
        #expect(names(try self.search(olderThan: 2_000)) == [])
        withExtendedLifetime(child) {}
    }

    @Test("an orphan is removed, its state says so, and what is not it stays")
    func removed() throws {
        try make("a")
        try make("b")
        let search = try self.search()
        let kept = try workshop.load("a")
        #expect(try remove(search.orphans[0]) == nil)
        #expect(try workshop.scratch.names() == ["b"])
        #expect(try kept.vitals().state == SegmentState.unlinked.rawValue)
        #expect(try remove(search.orphans[0]) == .changed)
    }

    @Test("what happened between the look and the removal keeps it")
    func rechecked() throws {
        for name in ["attached", "linked", "locked", "replaced", "written"] { try make(name) }
        let search = try self.search()
        try #require(search.orphans.count == 5)
        let child = try Child.mapping(workshop.scratch.path("attached"))
        let holder = try Child.holdingLock(workshop.scratch.path("locked"))
        try #require(Glibc.link(workshop.scratch.path("linked"), workshop.scratch.path(".second")) == 0)
        try workshop.directory.unlink(SegmentName("replaced"), until: .immediate)
        try make("replaced")
        let written = try workshop.load("written")
        try written.write([1], to: written.run(count: 1))
        let reasons = try search.orphans.map { try remove($0, until: .after(milliseconds: 100)) }
        #expect(reasons == [.attached, .pinned, .busy, .changed, .changed])
        #expect(try workshop.scratch.names() == [".second", "attached", "linked", "locked", "replaced", "written"])
        #expect(try workshop.load("attached").vitals().state == SegmentState.live.rawValue)
        withExtendedLifetime((child, holder)) {}
    }

    @Test("a half write whose writer died is finished and not removed")
    func halfWritten() throws {
        try make("a")
        try workshop.file("a").patch(UInt64(3), at: ControlWord.sequence)
        let search = try self.search()
        #expect(try remove(search.orphans[0]) == .changed)
        #expect(try workshop.load("a").vitals().sequence == 4)
    }

    @Test("where not everybody could be looked at nothing is found, and nothing removed")
    func unknown() throws {
        try make("a")
        let orphan = try #require(try search().orphans.first)
        let look: (Segment) -> ProcessSurvey = { segment in
            var survey = ProcessSurvey(witness: segment)
            survey.gaps = [.refused(1)]
            return survey
        }
        let search = try workshop.directory.orphans(olderThan: 1, prefix: "", look: look)
        #expect(search.orphans.isEmpty && search.kept == [.unknown: 1] && search.gaps == [.refused(1)])
        #expect(try workshop.directory.remove(orphan, until: .immediate, look: look) == .unknown)
        #expect(try workshop.scratch.names() == ["a"])
    }

    @Test("another user's segments are not this one's to remove", .enabled(if: geteuid() == 0, "needs two users"))
    func foreign() async throws {
        await #expect(processExitsWith: .success) {
            let workshop = try Workshop()
            _ = try workshop.segment("a", mode: 0o666)
            try workshop.file("a").patch(Int64(0), at: ControlWord.modified)
            try #require(chmod(workshop.scratch.path, 0o777) == 0)
            try #require(seteuid(65_534) == 0)
            let search = try workshop.directory.orphans(olderThan: 1, prefix: "")
            #expect(search.orphans.isEmpty && search.kept == [.notOurs: 1])
            try #require(seteuid(0) == 0)
        }
    }
}
