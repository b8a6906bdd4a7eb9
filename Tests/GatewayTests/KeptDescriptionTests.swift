import Glibc
import Testing

@testable import Gateway
@testable import MicroHTTP
@testable import Segments

/// A description that is asked for again is the one that it would be.
@Suite struct KeptDescriptionTests {
    private static let json = ["Content-Type: application/json"]

    @Test("a description says what is so now, however often it was asked for")
    func now() throws {
        try withGateway { gateway in
            try gateway.create("a", #"{"kind": "ndarray", "dtype": "float64", "shape": [4]}"#)
            var seen: Set<String> = []
            func look(_ what: Comment) throws -> GatewayAnswer {
                let first = try gateway.ask("GET", "/segments/a")
                #expect(first.status == 200 && seen.insert(first.text).inserted, what)
                for _ in 0..<3 {
                    let again = try gateway.ask("GET", "/segments/a")
                    #expect(again.text == first.text && again.headers["etag"] == first.headers["etag"], what)
                    #expect(again.headers["content-length"] == "\(first.body.count)", what)
                }
                return first
            }
            let begin = try look("made")
            #expect(
                try gateway.ask("GET", "/segments/a", ["If-None-Match: \(begin.headers["etag"] ?? "")"]).status == 304
            )
            #expect(try gateway.ask("PATCH", "/segments/a/data", Self.json, text: "7").status == 204)
            #expect(try look("written").headers["etag"] != begin.headers["etag"])
            let patch = ["Content-Type: application/merge-patch+json"]
            for change in [#"{"ttl": 3600}"#, #"{"mode": "0640"}"#, #"{"pinned": true}"#, #"{"pinned": false}"#] {
                let answer = try gateway.ask("PATCH", "/segments/a", patch, text: change)
                try #require(answer.status / 100 == 2, "\(answer.text)")
                _ = try look("\(change)")
            }
            #expect(chmod("\(gateway.path)/a", 0o604) == 0)
            #expect(try look("chmod by somebody").text.contains("0604"))
            #expect(try gateway.ask("HEAD", "/segments/a").body.isEmpty)
            _ = try gateway.ask("DELETE", "/segments/a")
            #expect(try gateway.ask("GET", "/segments/a").status == 404)
            try gateway.create("a", #"{"kind": "ndarray", "dtype": "float64", "shape": [4]}"#)
            _ = try look("made anew")
        }
    }

    @Test("an answer is kept when the same was said twice, and is none any more when something else is so")
    func kept() {
        func facts(_ sequence: UInt64, mode: UInt32 = 0o600) -> Description.Facts {
            let vitals = Vitals(
                sequence: sequence,
                interruptedWrites: 0,
                writerPid: 0,
                modifiedNs: 0,
                expiresNs: 0,
                state: 0,
                isDamaged: false
            )
            return Description.Facts(
                vitals: vitals,
                device: 1,
                inode: 2,
                mode: mode,
                uid: 3,
                gid: 4,
                isPinned: false,
                restoration: nil
            )
        }
        func response() -> Response {
            Response(status: 200, body: .allocated(UnsafeMutableRawBufferPointer(start: calloc(10, 1), count: 10)))
        }
        let room = KeptRoom(limit: 1 << 20)
        let last = LastDescription()
        last.note(response(), facts(2), in: room).discard()
        #expect(last.answer(facts(2)) == nil, "it was said once")
        _ = last.note(response(), facts(2), in: room)
        #expect(last.answer(facts(2)) != nil)
        #expect(last.answer(facts(4)) == nil && last.answer(facts(2, mode: 0o640)) == nil)
        last.dropIdle()
        #expect(last.answer(facts(2)) != nil, "it was wanted since")
        last.dropIdle()
        last.dropIdle()
        #expect(last.answer(facts(2)) == nil)
        #expect(room.add(1 << 20), "all room is free again")
    }
}
