import Glibc
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
}
