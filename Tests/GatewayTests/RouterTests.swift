import Segments
import Testing

@testable import Gateway
@testable import MicroHTTP

/// Paths and queries, as they are spelled and misspelled.
@Suite struct RouterTests {
    private func route(_ path: String) throws -> Route {
        try Array(path.utf8).withUnsafeBytes { try Route(path: $0) }
    }

    /// What becomes of a path: the resource, or the code of the problem.
    private func outcome(_ path: String) -> String {
        do {
            switch try route(path) {
            case .segments: return "segments"
            case .segment(let name): return "segment \(name)"
            case .repair(let name): return "repair \(name)"
            case .data(let name, let path): return (["data \(name)"] + path).joined(separator: " ")
            case .stats(let name, let path): return (["stats \(name)"] + path).joined(separator: " ")
            case .segmentEvents(let name): return "events \(name)"
            case .events: return "events"
            case .reads: return "reads"
            case .writes: return "writes"
            case .zarr(let name, let path): return (["zarr \(name)"] + path).joined(separator: " ")
            case .layouts: return "layouts"
            case .layout(let kind): return "layout \(kind)"
            case .liveness: return "liveness"
            case .readiness: return "readiness"
            case .metrics: return "metrics"
            case .description: return "description"
            case .root: return "root"
            case .console(let asset): return "console \(asset.name)"
            }
        } catch {
            return Problem(error).code.rawValue
        }
    }

    @Test(
        "a path leads to its resource",
        arguments: [
            ("/segments", "segments"), ("/segments/a", "segment a"), ("/segments/a-b_c.d0", "segment a-b_c.d0"),
            ("/segments/%61", "segment a"), ("/segments/%41%2Db", "segment A-b"), ("/segments/a..", "segment a.."),
            ("/segments/a/data", "data a"), ("/segments/a/repair", "repair a"), ("/segments/a/events", "events a"),
            ("/segments/a/data/values", "data a values"), ("/segments/a/stats", "stats a"),
            ("/segments/a/stats/columns/b%2Fc", "stats a columns b/c"),
            ("/segments/a/data/columns/b", "data a columns b"),
            ("/segments/a/data/columns/b%2Fc", "data a columns b/c"),
            ("/zarr/a", "zarr a"), ("/zarr/a/", "zarr a "), ("/zarr/%61/b%2Fc/c/0", "zarr a b/c c 0"),
            ("/layouts", "layouts"), ("/layouts/order%20book", "layout order book"), ("/healthz", "liveness"),
            ("/metrics", "metrics"),
            ("/readyz", "readiness"),
            ("/", "root"), ("/console/app.js", "console app.js"), ("/openapi.yaml", "description"), ("/query", "reads"),
            ("/events", "events"),
            ("/patch", "writes"),
            ("/segments/data/data", "data data"),
        ]
    )
    func leads(path: String, expected: String) { #expect(outcome(path) == expected) }

    @Test(
        "a name that is none leads nowhere",
        arguments: [
            "/segments/", "/segments/.", "/segments/..", "/segments/%2e", "/segments/%2e%2e", "/segments/%2E%2e%2Fetc",
            "/segments/.%2e/x", "/segments/..%2f..%2fetc%2fpasswd", "/segments/a%2fb", "/segments/a%2Fdata",
            "/segments/a%00", "/segments/%00", "/segments/a%00.b", "/segments/%252e%252e", "/segments/a%5cb",
            "/segments/a%20b", "/segments/a+b", "/segments/a b", "/segments/%", "/segments/%4", "/segments/%4g",
            "/segments/%zz", "/segments/a%c3%a4", "/segments/ä", "/segments/%c0%ae%c0%ae", "/segments/%ff",
            "/segments/.shmgate-journal-0", "/segments//data", "/segments/;", "/segments/a;b", "/segments/~",
            "/segments/../segments", "/segments/a%0a", "/zarr/", "/zarr//", "/zarr/.", "/zarr/a%2fb/c",
            "/segments/a%0d%0a", "/segments/%7f",
        ]
    )
    func invalidName(path: String) { #expect(outcome(path) == "invalid-name") }

    @Test(
        "a path that is no resource is none",
        arguments: [
            "", "//", "/console", "/console/", "/console/app.jsx", "/console/app.js/", "/console/index.html",
            "//segments", "/Segments", "/segments.json", "segments", "*", "localhost:80", "/healthz/",
            "/healthz/x", "/readyz/", "/openapi.yaml/", "/openapi", "/segments/a/", "/segments/a/dat",
            "/segments/a/data2", "/segments/a/Data", "/../segments", "/./segments", "/%2e%2e/segments", "/segments%2fa",
            "/segments/a/..", "/segments/a/../b", "/segments/a//data", "/a/segments", "/%73egments",
            "/segments/a/%64ata", "/segments/a/repair/", "/segments/a/repair/x", "/segments/a/repairs",
            "/zarr", "/zarrs/a",
        ]
    )
    func noRoute(path: String) { #expect(outcome(path) == "no-such-route") }

    @Test("a member that is spelled oddly is at most a member that does not exist")
    func members() throws {
        try withGateway { host in
            try host.create("a", #"{"kind": "bytes", "size": 4}"#)
            for member in ["", "/", "..", "../../a", "%2e%2e", "values", "values/", "%00", "%zz", "a%2fb"] {
                let answer = try host.ask("GET", "/segments/a/data/\(member)")
                #expect(answer.status == 404, "\(member): \(answer.text)")
            }
        }
    }

    @Test("a name of 200 bytes is one, of 201 none")
    func longNames() {
        let name = String(repeating: "n", count: 200)
        #expect(outcome("/segments/\(name)") == "segment \(name)")
        #expect(outcome("/segments/\(name)n") == "invalid-name")
        #expect(outcome("/segments/" + String(repeating: "%6e", count: 200)) == "segment \(name)")
    }

    @Test("a resource has its methods and no others")
    func methods() throws {
        for path in ["/segments", "/segments/a", "/segments/a/data", "/healthz", "/readyz", "/openapi.yaml"] {
            let route = try route(path)
            for method in [Method.get, .head, .post, .put, .patch, .delete, .options, .other] {
                if route.methods.contains(method) {
                    try route.check(method, named: method.rawValue)
                } else {
                    #expect(throws: Problem.self) { try route.check(method, named: method.rawValue) }
                }
            }
        }
        #expect(try route("/segments").methods == [.get, .head, .post])
        #expect(try route("/segments/a").methods == [.get, .head, .put, .patch, .delete])
        #expect(try route("/segments/a/data").methods == [.get, .head, .patch])
        #expect(try route("/segments/a/repair").methods == [.post])
    }

    @Test(
        "only this machine's own names are taken for it",
        arguments: [
            ("localhost", 200), ("LocalHost:8080", 200), ("127.0.0.1", 200), ("127.0.0.1:1", 200), ("[::1]", 200),
            ("[::1]:80", 200), ("localhost.attacker.example", 403), ("127.0.0.1.attacker.example", 403),
            ("attacker.example", 403), ("localhost@attacker.example", 403), ("localhost:80.attacker.example", 403),
            ("attacker.example:80#localhost", 403), ("0.0.0.0", 403), ("::1", 403), ("", 403), ("127.0.0.2", 403),
        ]
    )
    func hosts(host name: String, status: Int) throws {
        try withGateway { host in
            let answer = try host.ask("GET", "/healthz", ["Host: \(name)"])
            #expect(answer.status == status)
        }
    }

    @Test(
        "only this machine's own origins may ask",
        arguments: [
            ("http://localhost", 200), ("http://localhost:3000", 200), ("https://127.0.0.1:1", 200),
            ("http://[::1]:80", 200), ("null", 403), ("http://attacker.example", 403),
            ("http://localhost.attacker.example", 403), ("http://attacker.example/?http://localhost", 403),
            ("file://", 403), ("localhost", 403), ("", 403),
        ]
    )
    func origins(origin: String, status: Int) throws {
        try withGateway { host in
            let answer = try host.ask("GET", "/healthz", ["Origin: \(origin)"])
            #expect(answer.status == status)
        }
    }
}

/// The parameters of a target.
@Suite struct QueryTests {
    private func query(_ text: String) throws -> Query { try Array(text.utf8).withUnsafeBytes { try Query($0) } }

    @Test("parameters are decoded, and a plus is a space")
    func decodes() throws {
        var query = try query("a=1&b=%2B+%26%3D&c&d=&e=x=y&%66=g&g=%C3%A4")
        #expect(query.take("a") == "1")
        #expect(query.take("b") == "+ &=")
        #expect(query.take("c") == "")
        #expect(query.take("d") == "")
        #expect(query.take("e") == "x=y")
        #expect(query.take("f") == "g")
        #expect(query.take("g") == "ä")
        #expect(query.take("a") == nil)
        try query.finish()
    }

    @Test("no query, an empty one and empty parts are nothing", arguments: ["", "&", "&&&"])
    func empty(text: String) throws {
        try query(text).finish()
        try Query(nil).finish()
    }

    @Test(
        "what cannot be read in one way is refused",
        arguments: ["a=1&a=1", "a&a=", "a=1&%61=2", "a=%", "a=%4", "a=%zz", "%=1", "a=%ff", "a=%c0%80", "%ff"]
    )
    func refused(text: String) {
        #expect { try query(text) } throws: { ($0 as? Problem)?.code == .invalidQuery }
    }

    @Test("what nobody took is refused", arguments: ["a", "=", "=1", "A=1", " a=1", "a%00=1"])
    func unknown(text: String) throws {
        var query = try query(text)
        _ = query.take("b")
        #expect { try query.finish() } throws: { ($0 as? Problem)?.code == .invalidQuery }
    }

    @Test("a parameter of a fixed set has one of its values")
    func fixedSet() throws {
        var query = try query("a=x&b=z")
        let values = [("x", 1), ("y", 2)]
        #expect(try query.take("a", from: values, default: 3) == 1)
        #expect(try query.take("c", from: values, default: 3) == 3)
        #expect(throws: Problem.self) { try query.take("b", from: values, default: 3) }
    }

    @Test(
        "a whole number lies in its range",
        arguments: ["0", "11", "-1", "1.0", "", "x", "1e1", "99999999999999999999"]
    )
    func numbers(text: String) throws {
        var query = try query("a=\(text)&b=10")
        #expect(throws: Problem.self) { try query.take("a", in: 1...10, default: 5) }
        #expect(try query.take("b", in: 1...10, default: 5) == 10)
        #expect(try query.take("c", in: 1...10, default: 5) == 5)
    }
}
