import Glibc
import Locks
import TestSupport
import Testing

@testable import Segments

/// What segments take, and what of a limit is left.
@Suite struct SegmentBudgetTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func budget(_ limits: SegmentLimit...) throws -> SegmentBudget {
        try SegmentBudget(workshop.directory, limits: limits)
    }

    @Test("room that is being used up counts until it is given back, or has become a segment")
    func shares() throws {
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: nil, maxCount: 2))
        var share: BudgetShare? = try budget.reserve(4_096, for: SegmentName("a"))
        #expect(try budget.usage() == [SegmentUsage(bytes: 4_096, count: 1)])
        do {
            let other = try budget.reserve(1, for: SegmentName("b"))
            #expect(throws: SegmentError.self) { try budget.reserve(1, for: SegmentName("c")) }
            withExtendedLifetime(other) {}
        }
        let one = SegmentUsage(bytes: try workshop.segment("a").totalBytes, count: 1)
        // It has its name, and its maker still has the share: it counts once.
        #expect(try budget.usage() == [one])
        withExtendedLifetime(share) {}
        share = nil
        #expect(try budget.usage() == [one])
    }

    @Test("what is asked for at the ends of what there is")
    func extremes() throws {
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: .max, maxCount: .max))
        let most = try budget.reserve(.max, for: SegmentName("a"))
        #expect(throws: SegmentError.self) { try budget.reserve(1, for: SegmentName("b")) }
        withExtendedLifetime(most) {}
        let nothing = try self.budget(SegmentLimit(prefix: "", maxBytes: 0, maxCount: 0))
        #expect(throws: SegmentError.self) { try nothing.reserve(1, for: SegmentName("a")) }
        #expect(throws: SegmentError.self) { try nothing.reserve(0, for: SegmentName("a")) }
    }

    @Test("a limit refuses what it covers, and nothing else")
    func prefixes() throws {
        let budget = try budget(
            SegmentLimit(prefix: "a", maxBytes: 10, maxCount: nil),
            SegmentLimit(prefix: "ab", maxBytes: nil, maxCount: 1)
        )
        let first = try budget.reserve(6, for: SegmentName("ab"))
        #expect(throws: SegmentError.self) { try budget.reserve(5, for: SegmentName("ac")) }
        #expect(throws: SegmentError.self) { try budget.reserve(1, for: SegmentName("abc")) }
        let second = try budget.reserve(4, for: SegmentName("ac"))
        let third = try budget.reserve(1 << 40, for: SegmentName("b"))
        #expect(try budget.usage() == [SegmentUsage(bytes: 10, count: 2), SegmentUsage(bytes: 6, count: 1)])
        withExtendedLifetime((first, second, third)) {}
    }

    @Test("more changes than the kernel keeps in mind are found by a look at all names")
    func overflow() throws {
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: nil, maxCount: 3))
        for name in ["a", "b"] { _ = try workshop.segment(name) }
        #expect(try budget.usage()[0].count == 2)
        let (one, other) = (workshop.scratch.path("a"), workshop.scratch.path("moving"))
        for _ in 0..<20_000 {
            #expect(rename(one, other) == 0 && rename(other, one) == 0)
        }
        #expect(unlink(workshop.scratch.path("b")) == 0)
        _ = try workshop.segment("c")
        _ = try workshop.segment("d")
        #expect(try budget.usage()[0].count == 3)
        #expect(throws: SegmentError.self) { try budget.reserve(1, for: SegmentName("e")) }
        #expect(unlink(workshop.scratch.path("d")) == 0)
        #expect(try budget.usage()[0].count == 2)
    }

    @Test("of 32 threads that want one of ten places ten get it, in each round, and all give it back")
    func concurrent() throws {
        let budget = try budget(SegmentLimit(prefix: "a", maxBytes: 10_000, maxCount: nil))
        for round in 0..<20 {
            let shares = Locked<[BudgetShare]>([])
            try Threads.run(32) { index in
                guard let share = try? budget.reserve(1_000, for: SegmentName("a\(round)-\(index)")) else { return }
                shares.withLock { $0.append(share) }
            }
            #expect(shares.withLock { $0.count } == 10)
            #expect(try budget.usage() == [SegmentUsage(bytes: 10_000, count: 10)])
            shares.withLock { $0 = [] }
            #expect(try budget.usage() == [SegmentUsage()])
        }
    }

    @Test("creations that come and go on many threads never take more than there may be")
    func turmoil() throws {
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: nil, maxCount: 3))
        let workshop = workshop
        try Threads.run(8) { index in
            let name = try SegmentName("s\(index)")
            for _ in 0..<100 {
                guard let share = try? budget.reserve(8_192, for: name) else { continue }
                try workshop.draft(dataBytes: 64).publish(as: name)
                withExtendedLifetime(share) {}
                let count = try workshop.directory.names().count
                if count > 3 { throw Mismatch("expected at most 3 segments, got \(count)") }
                try workshop.directory.unlink(name, until: .after(milliseconds: 60_000))
            }
        }
        #expect(try budget.usage() == [SegmentUsage()])
    }

    @Test("a replacement frees nothing before it is made")
    func shrinking() throws {
        let large = try workshop.segment("a", dataBytes: 100_000).totalBytes
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: large + 10, maxCount: nil))
        let smaller = try budget.reserve(10, for: SegmentName("a"))
        #expect(throws: SegmentError.self) { try budget.reserve(11, for: SegmentName("b")) }
        let other = try budget.reserve(10, for: SegmentName("b"))
        withExtendedLifetime((smaller, other)) {}
    }

    @Test("a replacement keeps its room while another one takes the name")
    func overtaken() throws {
        let old = try workshop.segment("a", dataBytes: 64).totalBytes
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: 1_000_000, maxCount: nil))
        let larger = try budget.reserve(900_000, for: SegmentName("a"))
        try workshop.draft(dataBytes: 64).publish(as: SegmentName("a"), replacing: true)
        #expect(try workshop.load("a").totalBytes == old)
        #expect(try budget.usage() == [SegmentUsage(bytes: 900_000, count: 1)])
        #expect(throws: SegmentError.self) { try budget.reserve(100_001, for: SegmentName("b")) }
        withExtendedLifetime(larger) {}
    }

    @Test("two replacements of one segment take the memory of both")
    func twice() throws {
        _ = try workshop.segment("a", dataBytes: 64)
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: 1_000_000, maxCount: 1))
        let first = try budget.reserve(600_000, for: SegmentName("a"))
        #expect(throws: SegmentError.self) { try budget.reserve(600_000, for: SegmentName("a")) }
        let second = try budget.reserve(400_000, for: SegmentName("a"))
        #expect(try budget.usage() == [SegmentUsage(bytes: 1_000_000, count: 1)])
        withExtendedLifetime((first, second)) {}
    }

    @Test("a file that is written over in place counts with its new size")
    func writtenOver() throws {
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: 1_000_000, maxCount: nil))
        _ = try workshop.segment("a")
        #expect(try budget.usage()[0].count == 1)
        try workshop.file("a").write(ControlPage.magic + [UInt8](repeating: 0, count: 99_992))
        #expect(try budget.usage() == [SegmentUsage(bytes: 100_000, count: 1)])
        #expect(truncate(workshop.scratch.path("a"), 200_000) == 0)
        try workshop.file("a").patch([0], at: 199_999)
        #expect(try budget.usage() == [SegmentUsage(bytes: 200_000, count: 1)])
    }

    @Test("sizes that no sum can hold come and go, and what is left is right")
    func huge() throws {
        let budget = try budget(SegmentLimit(prefix: "", maxBytes: .max, maxCount: nil))
        let one = try workshop.segment("a").totalBytes
        for name in ["x", "y", "z"] {
            try workshop.file(name).write(ControlPage.magic)
            try #require(truncate(workshop.scratch.path(name), 1 << 62) == 0)
        }
        #expect(try budget.usage()[0].bytes == .max)
        #expect(throws: SegmentError.self) { try budget.reserve(1, for: SegmentName("b")) }
        for name in ["x", "y", "z"] { #expect(unlink(workshop.scratch.path(name)) == 0) }
        #expect(try budget.usage() == [SegmentUsage(bytes: one, count: 1)])
    }

    @Test("what this user made and may not read counts", .enabled(if: geteuid() == 0, "root may read all"))
    func unreadable() async throws {
        await #expect(processExitsWith: .success) {
            let workshop = try Workshop()
            try #require(chmod(workshop.scratch.path, 0o777) == 0)
            _ = try workshop.segment("foreign", mode: 0)
            try #require(seteuid(65_534) == 0)
            let limit = SegmentLimit(prefix: "", maxBytes: nil, maxCount: 2)
            let budget = try SegmentBudget(workshop.directory, limits: [limit])
            try workshop.draft(dataBytes: 64, mode: 0).publish(as: SegmentName("a"))
            #expect(try budget.usage()[0].count == 1)
            // One that could be read once, and a budget that begins behind it.
            _ = try workshop.segment("b")
            #expect(try budget.usage()[0].count == 2)
            try #require(chmod(workshop.scratch.path("b"), 0) == 0)
            #expect(throws: SegmentError.self) { try budget.reserve(1, for: SegmentName("c")) }
            #expect(try SegmentBudget(workshop.directory, limits: [limit]).usage()[0].count == 2)
            try #require(seteuid(0) == 0)
        }
    }

    @Test("without a descriptor to look with nothing is allowed, and nothing forgotten")
    func noDescriptor() async throws {
        await #expect(processExitsWith: .success) {
            let workshop = try Workshop()
            let budget = try SegmentBudget(
                workshop.directory,
                limits: [SegmentLimit(prefix: "", maxBytes: nil, maxCount: 1)]
            )
            #expect(try budget.usage()[0].count == 0)
            do { try workshop.draft(dataBytes: 64).publish(as: SegmentName("a")) }
            var before = rlimit()
            let kind = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
            try #require(getrlimit(kind, &before) == 0)
            var none = rlimit(rlim_cur: 0, rlim_max: before.rlim_max)
            try #require(setrlimit(kind, &none) == 0)
            let outcome = Result { try budget.reserve(1, for: SegmentName("b")) }
            try #require(setrlimit(kind, &before) == 0)
            #expect(throws: SegmentError.self) { try outcome.get() }
            #expect(try budget.usage()[0].count == 1)
        }
    }
}
