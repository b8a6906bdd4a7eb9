import Glibc
import Testing

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
}
