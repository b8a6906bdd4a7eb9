import Glibc
import MicroHTTP
import Testing

@testable import Gateway
@testable import Segments

@Suite struct KeptAnswerTests {
    private static let snapshot = Snapshot(sequence: 2, isDamaged: false, retries: 0)

    /// A body of so many bytes from `malloc`.
    private func response(_ count: Int) -> Response {
        Response(status: 200, body: .allocated(UnsafeMutableRawBufferPointer(start: calloc(count, 1), count: count)))
    }

    @Test("answers are kept as far as there is room, and each gives its own back")
    func room() throws {
        let room = KeptRoom(limit: 8 << 20)
        var kept: [KeptAnswer] = []
        while let answer = KeptAnswer(response(KeptAnswer.mostBodyBytes), of: Self.snapshot, [], in: room) {
            kept.append(answer)
            try #require(kept.count <= 32)
        }
        #expect(kept.count == 32)
        kept.removeFirst()
        #expect(KeptAnswer(response(KeptAnswer.mostBodyBytes), of: Self.snapshot, [], in: room) != nil)
    }

    @Test("a long answer is not kept, nor is an empty one")
    func size() {
        let room = KeptRoom(limit: 8 << 20)
        #expect(KeptAnswer(response(KeptAnswer.mostBodyBytes + 1), of: Self.snapshot, [], in: room) == nil)
        #expect(KeptAnswer(Response(status: 200), of: Self.snapshot, [], in: room) == nil)
    }

    @Test("an answer is idle that was not asked for since the last look")
    func idle() throws {
        let kept = KeptAnswer(response(10), of: Self.snapshot, [], in: KeptRoom(limit: 8 << 20))
        let answer = try #require(kept)
        #expect(!answer.wasIdle())
        #expect(answer.wasIdle())
        _ = answer.response
        #expect(!answer.wasIdle())
    }
}
