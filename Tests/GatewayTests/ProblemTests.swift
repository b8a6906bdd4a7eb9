import MicroHTTP
import Testing

@testable import Gateway

/// Every problem has its code and leaves everything as it was.
@Suite struct ProblemTests {
    /// A request that is refused.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let code: String
        let status: Int
        let request: String
        let headers: [String]
        let body: [UInt8]?

        var testDescription: String { "\(code): \(request) \(headers)" }

        init(_ code: String, _ status: Int, _ request: String, _ headers: [String] = [], _ body: String? = nil) {
            self.init(code, status, request, headers, bytes: body.map { Array($0.utf8) })
        }

        init(_ code: String, _ status: Int, _ request: String, _ headers: [String], bytes: [UInt8]?) {
            self.code = code
            self.status = status
            self.request = request
            self.headers = headers
            body = bytes
        }
    }

    private static let json = ["Content-Type: application/json"]
    private static let raw = ["Content-Type: application/octet-stream"]
    private static let npyType = ["Content-Type: application/x-npy"]
    private static let data = "/segments/a/data"

    static let refusals = [
        Refusal("invalid-json", 400, "PATCH \(data)", json, "[1, 2"),
        Refusal("invalid-json", 400, "PATCH \(data)", json, ""),
        Refusal("invalid-json", 400, "POST /segments", json, "{\"name\": \"b\""),
        Refusal("invalid-body", 400, "PATCH \(data)", npyType, "no npy"),
        Refusal("invalid-body", 400, "PATCH \(data)", npyType, ""),
        Refusal("invalid-body", 400, "PATCH \(data)", npyType, bytes: npy("<i4", "(2, 3)", [1, 2, 3])),
        Refusal("invalid-name", 400, "GET /segments/.hidden"),
        Refusal(
            "invalid-name",
            400,
            "POST /segments",
            json,
            #"{"name": "a/b", "layout": {"kind": "bytes", "size": 1}}"#
        ),
        Refusal("invalid-layout", 400, "POST /segments", json, #"{"name": "b", "layout": {"kind": "cube"}}"#),
        Refusal("invalid-layout", 400, "POST /segments", json, #"{"name": "b"}"#),
        Refusal(
            "invalid-dtype",
            400,
            "POST /segments",
            json,
            #"{"name": "b", "layout": {"kind": "ndarray", "dtype": "O", "shape": [1]}}"#
        ),
        Refusal("invalid-slice", 400, "GET \(data)?slice=0,0,0"),
        Refusal("invalid-slice", 400, "PATCH \(data)?slice=::0", json, "1"),
        Refusal("invalid-query", 400, "GET \(data)?slcie=0"),
        Refusal("invalid-query", 400, "PATCH \(data)?slice=0&slice=1", json, "1"),
        Refusal("invalid-query", 400, "DELETE /segments/a?force=1"),
        Refusal("invalid-header", 400, "PATCH \(data)", json + ["If-Match: a"], "1"),
        Refusal("invalid-header", 400, "GET /segments/a", ["Host: localhost", "Host: localhost"]),
        Refusal("forbidden", 403, "PATCH /segments/fixed/data", json, "1"),
        Refusal("forbidden", 403, "GET /segments/a", ["Host: attacker.example"]),
        Refusal("forbidden", 403, "PATCH \(data)", json + ["Origin: https://attacker.example"], "1"),
        Refusal("no-such-segment", 404, "GET /segments/none"),
        Refusal("no-such-segment", 404, "PATCH /segments/none/data", json, "1"),
        Refusal("no-such-segment", 404, "DELETE /segments/foreign"),
        Refusal("no-such-segment", 404, "POST /segments/none/repair"),
        Refusal("invalid-query", 400, "POST /segments/a/repair?force=1"),
        Refusal("precondition-failed", 412, "POST /segments/a/repair", ["If-Match: \"x-2\""]),
        Refusal("method-not-allowed", 405, "GET /segments/a/repair"),
        Refusal("no-such-segment", 404, "PATCH /segments/none", json, "{}"),
        Refusal("corrupt-segment", 500, "PATCH /segments/corrupt", json, "{}"),
        Refusal("invalid-query", 400, "PATCH /segments/a?force=1", json, "{}"),
        Refusal("invalid-json", 400, "PATCH /segments/a", json, "[]"),
        Refusal("invalid-json", 400, "PATCH /segments/a", json, "null"),
        Refusal("invalid-json", 400, "PATCH /segments/a", json, #"{"ttl": 1, "ttl": 2}"#),
        Refusal("invalid-json", 400, "PATCH /segments/a", json, #"{"ttl": 1e999}"#),
        Refusal("invalid-json", 400, "PATCH /segments/a", json, #"{"pinned": true} x"#),
        Refusal("invalid-layout", 400, "PATCH /segments/a", json, #"{"pinned": true, "ttl": 0}"#),
        Refusal("invalid-layout", 400, "PATCH /segments/a", json, #"{"pinned": true, "ttl": "1"}"#),
        Refusal("invalid-layout", 400, "PATCH /segments/a", json, #"{"pinned": 1, "mode": "0640"}"#),
        Refusal("invalid-layout", 400, "PATCH /segments/a", json, #"{"ttl": 5, "mode": "1777"}"#),
        Refusal("invalid-layout", 400, "PATCH /segments/a", json, #"{"ttl": 5, "mode": 384}"#),
        Refusal("invalid-layout", 400, "PATCH /segments/a", json, #"{"pinned": true, "attrs": {}}"#),
        Refusal("invalid-layout", 400, "PATCH /segments/a", json, #"{"layout": null}"#),
        Refusal("precondition-failed", 412, "PATCH /segments/a", json + ["If-Match: \"x-2\""], #"{"pinned": true}"#),
        Refusal("precondition-failed", 412, "PATCH /segments/a", json + ["If-None-Match: *"], #"{"pinned": true}"#),
        Refusal("unsupported-media-type", 415, "PATCH /segments/a", raw, "{}"),
        Refusal("unsupported-media-type", 415, "PATCH /segments/a", [], "{}"),
        Refusal("no-such-member", 404, "GET \(data)/values"),
        Refusal("no-such-layout", 404, "GET /layouts/none"),
        Refusal("no-such-layout", 404, "DELETE /layouts/none"),
        Refusal("no-such-label", 422, "GET /segments/s/data?sel.index=c"),
        Refusal("no-such-label", 422, "PATCH /segments/s/data?sel.index=c", json, "1"),
        Refusal("label-mismatch", 422, "PATCH /segments/s/data", json, #"{"index": ["b", "a"], "data": [1, 2]}"#),
        Refusal("no-such-member", 404, "PATCH \(data)/values", json, "1"),
        Refusal("no-such-route", 404, "GET /segments/a/date"),
        Refusal("method-not-allowed", 405, "PUT \(data)", json, "1"),
        Refusal("method-not-allowed", 405, "BREW /segments"),
        Refusal("not-acceptable", 406, "GET \(data)", ["Accept: image/png"]),
        Refusal("not-acceptable", 406, "GET \(data)?format=xml"),
        Refusal(
            "already-exists",
            409,
            "POST /segments",
            json,
            #"{"name": "a", "layout": {"kind": "bytes", "size": 1}}"#
        ),
        Refusal("precondition-failed", 412, "PATCH \(data)", json + ["If-Match: \"x-2\""], "1"),
        Refusal("precondition-failed", 412, "DELETE /segments/a", ["If-Match: \"x-2\""]),
        Refusal("too-large", 413, "PATCH \(data)", raw, bytes: [UInt8](repeating: 0, count: 1 << 21)),
        Refusal("too-large", 413, "POST /segments", json, bytes: [UInt8](repeating: 32, count: 1 << 21)),
        Refusal("expectation-failed", 417, "PATCH \(data)", json + ["Expect: a miracle"], "1"),
        Refusal("invalid-header", 400, "PATCH \(data)", json + ["Content-Type: text/plain"], "1"),
        Refusal("invalid-header", 400, "GET /segments/a", ["Origin: http://localhost", "Origin: http://localhost"]),
        Refusal("invalid-header", 400, "GET http:///segments/a"),
        Refusal("forbidden", 403, "GET http://attacker.example/segments/a"),
        Refusal("forbidden", 403, "GET http://localhost@attacker.example/segments/a"),
        Refusal("forbidden", 403, "GET http://localhost/segments/a", ["Host: attacker.example"]),
        Refusal("header-too-large", 431, "GET /segments/a", ["X-Long: " + String(repeating: "a", count: 30 << 10)]),
        Refusal("range-not-satisfiable", 416, "GET \(data)?format=raw", ["Range: bytes=24-"]),
        Refusal("unsupported-media-type", 415, "PATCH \(data)", ["Content-Type: text/csv"], "1"),
        Refusal("unsupported-media-type", 415, "PATCH \(data)", [], "1"),
        Refusal("unsupported-media-type", 415, "POST /segments", raw, "{}"),
        Refusal("index-out-of-bounds", 422, "GET \(data)?slice=2"),
        Refusal("index-out-of-bounds", 422, "PATCH \(data)?slice=0,3", json, "1"),
        Refusal("shape-mismatch", 422, "PATCH \(data)", json, "[1, 2]"),
        Refusal("shape-mismatch", 422, "PATCH \(data)", raw, "1"),
        Refusal(
            "shape-mismatch",
            422,
            "PATCH \(data)",
            npyType,
            bytes: npy("<i4", "(6,)", [UInt8](repeating: 0, count: 24))
        ),
        Refusal("value-out-of-range", 422, "PATCH \(data)", json, "2147483648"),
        Refusal("value-out-of-range", 422, "PATCH \(data)", json, "1.5"),
        Refusal("corrupt-segment", 500, "GET /segments/corrupt"),
        Refusal("corrupt-segment", 500, "PATCH /segments/corrupt/data", json, "1"),
        Refusal("unsupported-format", 500, "GET /segments/future/data"),
        Refusal(
            "out-of-space",
            507,
            "POST /segments",
            json,
            #"{"name": "b", "layout": {"kind": "ndarray", "dtype": "u1", "shape": [70368744177664]}}"#
        ),
    ]

    @Test("a refusal has its code, and nothing is written", arguments: refusals)
    func isRefused(_ refusal: Refusal) throws {
        try withGateway(maxBodyBytes: 1 << 20) { host in
            try host.create("a", #"{"kind": "ndarray", "dtype": "int32", "shape": [2, 3]}"#, ", \"fill\": 7")
            try host.create("fixed", #"{"kind": "bytes", "size": 4}"#, ", \"readonly\": true")
            try host.create("s", #"{"kind": "series", "dtype": "int32", "index": ["a", "b"]}"#)
            try host.write(Array("no segment".utf8), to: "foreign")
            var broken = host.bytes(of: "a")
            broken.replaceSubrange(32..<40, with: [0, 0, 0, 0, 0, 1, 0, 0])
            try host.write(broken, to: "corrupt")
            broken[8] = 2
            try host.write(broken, to: "future")
            let before = host.state()
            let words = refusal.request.split(separator: " ")
            let answer = try host.ask(String(words[0]), String(words[1]), refusal.headers, refusal.body)
            #expect(answer.status == refusal.status, "\(answer.text)")
            #expect(answer.code == refusal.code, "\(answer.text)")
            #expect(answer.text.contains("\"status\":\(refusal.status)"))
            #expect(!answer.text.contains(host.path), "a problem names no path of the host")
            #expect(host.state() == before)
            if refusal.status == 405 { #expect(answer.headers["allow"] != nil) }
            if refusal.status == 415 { #expect(answer.headers["content-type"] == "application/problem+json") }
        }
    }

    @Test("every code but that of a failure of the gateway itself, of waiting and of tokens is refused above")
    func allCodes() {
        let tested = Set(Self.refusals.map(\.code))
        let all = Set(ProblemCode.allCases.map(\.rawValue))
        #expect(all.subtracting(tested) == ["internal-error", "busy", "unauthorized", "too-many-requests"])
    }

    @Test("a media type that cannot be patched names those that can")
    func acceptPatch() throws {
        try withGateway { host in
            try host.create("a", #"{"kind": "bytes", "size": 4}"#)
            let answer = try host.ask("PATCH", "/segments/a/data", ["Content-Type: text/csv"], text: "1")
            let types = [
                "json", "x-npy", "octet-stream", "vnd.apache.arrow.stream", "vnd.apache.arrow.file",
            ]
            #expect(answer.headers["accept-patch"] == types.map { "application/\($0)" }.joined(separator: ", "))
        }
    }

    @Test(
        "who expects 100 hears a refusal before his body",
        arguments: [
            "PATCH /segments/none/data|Content-Type: application/json|404",
            "PATCH /segments/a/data|Content-Type: text/csv|415",
            "PATCH /segments/a/data?slice=0&slice=0|Content-Type: application/json|400",
            "PUT /segments|Content-Type: application/json|405",
            "POST /segments|Content-Type: text/plain|415",
            "POST /segments|Host: attacker.example|403",
        ]
    )
    func refusalBeforeTheBody(text: String) throws {
        let parts = text.split(separator: "|")
        let words = parts[0].split(separator: " ")
        try withGateway { host in
            try host.create("a", #"{"kind": "bytes", "size": 4}"#)
            let line = try host.connect()
            try line.sendHead(
                String(words[0]),
                String(words[1]),
                [String(parts[1]), "Content-Length: 10", "Expect: 100-continue"]
            )
            // Whoever is not refused gets a 100 here, and the test sends nothing more, so that the answer stays out.
            let answer = try line.answer()
            #expect(String(answer.status) == parts[2])
            #expect(answer.code != "")
        }
    }

    @Test("a problem document says its members in words that are JSON")
    func document() throws {
        let problem = Problem(.noSuchRoute, "a \"quoted\" \\ word\n")
        guard case .allocated(let bytes) = problem.response.body else {
            Issue.record("expected a body in memory")
            return
        }
        defer { bytes.deallocate() }
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"type":"about:blank#no-such-route","title":"No such resource","status":404,"#
                + #""detail":"a \"quoted\" \\ word\n","code":"no-such-route"}"#
        )
        #expect(Problem(.busy, "").response.headers.contains { "\($0.0)" == "Retry-After" && $0.1 == "1" })
    }
}
