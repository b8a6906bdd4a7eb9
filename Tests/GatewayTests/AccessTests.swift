import Segments
import Testing

@testable import Gateway

@Suite("Who may do what")
struct AccessTests {
    @Test("so many pass at once, and then one after each share of the second")
    func throttle() {
        let throttle = Throttle(perSecond: 4)
        let second = 1_000_000_000
        #expect(
            (0..<10).map { _ in throttle.lets(at: 5 * second) } == [true, true, true, true]
                + Array(repeating: false, count: 6)
        )
        #expect(!throttle.lets(at: 5 * second + second / 4 - 1))
        #expect(throttle.lets(at: 5 * second + second / 4))
        #expect(!throttle.lets(at: 5 * second + second / 4))
        // What was not used is not saved up beyond a second's worth.
        #expect((0..<6).map { _ in throttle.lets(at: 100 * second) } == [true, true, true, true, false, false])
    }

    @Test("at the ends of its range a throttle counts as well", arguments: [1, 3, 999_999, 1_000_000])
    func extremeThrottle(perSecond: Int) {
        let throttle = Throttle(perSecond: perSecond)
        var passed = 0
        while passed <= perSecond + 1, throttle.lets(at: 0) { passed += 1 }
        // A share is a whole number of nanoseconds, so that some more may fit into the second.
        #expect((perSecond...(perSecond + perSecond / 500 + 1)).contains(passed))
    }

    @Test("no limit lets all pass")
    func noThrottle() {
        let throttle = Throttle(perSecond: 0)
        #expect((0..<1_000).allSatisfy { _ in throttle.lets(at: 0) })
    }

    @Test("a grant covers the names that begin with its prefix, and no others")
    func prefixes() throws {
        let grant = Grant(id: "a", rights: .read, prefix: "feed-")
        #expect(try grant.covers(SegmentName("feed-")) && grant.covers(SegmentName("feed-a")))
        #expect(try !grant.covers(SegmentName("feed")) && !grant.covers(SegmentName("Feed-a")))
        #expect(throws: SegmentError.noSuchSegment("other")) { try grant.require(.read, on: SegmentName("other")) }
        #expect(throws: Problem.self) { try grant.require(.write, on: SegmentName("feed-a")) }
    }

    @Test("rights are words with commas between, each of them known")
    func rights() {
        #expect(Rights("read,admin") == [.read, .admin])
        #expect(Rights.all.text == "read,write,create,unlink,admin" && Rights(Rights.all.text) == .all)
        for wrong in ["", "read,", "Read", "read write", ",", "all"] { #expect(Rights(wrong) == nil) }
    }

    @Test("a line names a token, a user or a certificate")
    func proofs() throws {
        let text = "a plain:x read *\nb uid:0 read b-\nc cert:\(String(repeating: "Ab", count: 32)) write *\n"
        let entries = try TokenFile(text).entries
        #expect(entries.map(\.grant.id) == ["a", "b", "c"])
        #expect(entries[1].proof == .user(0) && entries[1].grant.prefix == "b-")
        #expect(entries[2].proof == .certificate(fingerprint: String(repeating: "ab", count: 32)))
        for wrong in ["uid:", "uid:+1", "uid:1x", "uid:65534", "uid:4294967296", "cert:", "cert:00", "user:1"] {
            #expect(throws: TokenFileError.self) { try TokenFile("a \(wrong) read *\n") }
        }
        #expect(throws: TokenFileError.self) { try TokenFile("a uid:1 read *\nb uid:1 write *\n") }
    }

    @Test("whatever a file of tokens has, it is read or refused")
    func anyBytes() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("ab#:* \t\n,plainsha256read=.é\u{0}")
        for _ in 0..<5_000 {
            let text = String((0..<Int.random(in: 0..<60, using: &random)).map { _ in alphabet.randomElement() ?? "a" })
            _ = try? TokenFile(text + "\n")
        }
    }
}
