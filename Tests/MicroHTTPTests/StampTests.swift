import Glibc
import MicroHTTP
import Testing

/// What every answer says of its request.
@Suite struct StampTests {
    private func get(_ path: String, _ fields: String...) -> String {
        (["GET \(path) HTTP/1.1", "Host: x"] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    private func isOurs(_ id: String?) -> Bool {
        let parts = (id ?? "").split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].utf8.count == 8 && !parts[1].isEmpty
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
            }
    }

    @Test("a usable name of the client's comes back", arguments: ["a", "A.b_c-9", String(repeating: "x", count: 128)])
    func clientsName(id: String) throws {
        try withServer { server in
            let client = try server.connect()
            // The last one ends its connection.
            for path in ["/", "/later", "/refuse", "/unchanged"] {
                try client.send(get(path, "X-Request-ID: \(id)"))
                #expect(try client.read().header("X-Request-Id") == id)
            }
        }
    }

    @Test(
        "any other name, or two of them, and the answer has one of ours",
        arguments: [
            ["X-Request-Id:"], ["X-Request-Id: a b"], ["X-Request-Id: a\"b"], ["X-Request-Id: \u{e9}"],
            ["X-Request-Id: " + String(repeating: "x", count: 129)], ["X-Request-Id: a", "x-request-id: a"], [],
        ]
    )
    func ours(fields: [String]) throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(get("/", fields.isEmpty ? "A: b" : fields.joined(separator: "\r\n")))
            let id = try client.read().header("X-Request-Id")
            #expect(isOurs(id))
        }
    }

    @Test("our names differ from request to request")
    func distinct() throws {
        try withServer { server in
            let client = try server.connect()
            var seen: Set<String> = []
            for _ in 0..<100 {
                try client.send(get("/"))
                seen.insert(try client.read().header("X-Request-Id") ?? "")
            }
            #expect(seen.count == 100)
        }
    }

    @Test("a request that is refused before it is one has a name, too")
    func malformed() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Request-Id: mine\r\n\r\n")
            let answer = try client.read()
            #expect(answer.status == 400)
            #expect(answer.header("X-Request-Id") == "mine")
            #expect(answer.header("Server-Timing")?.hasPrefix("total;dur=") == true)
        }
    }

    @Test("answers past libmicrohttpd have a name and a time: one too many, and a body without end")
    func past() throws {
        let one = { (configuration: inout Server.Configuration) in configuration.maxConnections = 1 }
        try withServer(configure: one) { server in
            let first = try server.connect()
            try first.send(get("/"))
            _ = try first.read()
            let second = try server.connect()
            let answer = try second.read()
            #expect(answer.status == 503)
            #expect(isOurs(answer.header("X-Request-Id")))
            #expect(answer.header("Server-Timing") == "total;dur=0.000")
        }
        let short = { (configuration: inout Server.Configuration) in configuration.maxDrainBytes = 1_000 }
        try withServer(configure: short) { server in
            let client = try server.connect()
            try client.send(
                "POST /refuse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX-Request-Id: endless\r\n\r\n"
            )
            try client.send("1000\r\n" + String(repeating: "x", count: 4_096) + "\r\n")
            let answer = try client.read()
            #expect(answer.status == 403)
            #expect(answer.header("X-Request-Id") == "endless")
        }
    }

    @Test("an answer says how long it took, and how long it waited for a worker if it needed one")
    func timing() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(get("/"))
            let atOnce = try client.read().header("Server-Timing") ?? ""
            #expect(atOnce.wholeMatch(of: /total;dur=[0-9]+\.[0-9]{3}/) != nil, "\(atOnce)")
            try client.send(get("/later"))
            let later = try client.read().header("Server-Timing") ?? ""
            let match = try #require(later.wholeMatch(of: /total;dur=([0-9]+\.[0-9]{3}), queue;dur=([0-9]+\.[0-9]{3})/))
            let (total, queue) = (try #require(Double(match.1)), try #require(Double(match.2)))
            #expect(queue <= total)
        }
    }

    @Test("the wait for a worker is told: all of them are held")
    func queued() throws {
        try withServer { server in
            let held = try (0..<4).map { _ in try server.connect() }
            for client in held { try client.send(get("/held")) }
            while server.service.working.current < 4 {}
            let client = try server.connect()
            try client.send(get("/later"))
            while server.service.admitted.current < 5 {}
            usleep(20_000)
            server.service.latch.open()
            let match = try #require(try client.read().header("Server-Timing")?.firstMatch(of: /queue;dur=([0-9.]+)/))
            #expect(try #require(Double(match.1)) > 0)
            for client in held { _ = try client.read() }
        }
    }
}
