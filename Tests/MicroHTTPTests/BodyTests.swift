import MicroHTTP
import Testing

/// Bodies: asked for, collected, streamed, refused.
@Suite struct BodyTests {
    private func post(_ path: String, _ fields: String...) -> String {
        (["POST \(path) HTTP/1.1", "Host: x"] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    private func chunked(_ body: [UInt8], piece: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: body.count, by: piece) {
            let part = body[start..<min(start + piece, body.count)]
            bytes += Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8)
        }
        return bytes + Array("0\r\n\r\n".utf8)
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    private func sum(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0) { $0 + UInt64($1) } }

    @Test("who expects 100 and is refused hears that before he sends his body")
    func refusalBeforeTheBody() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(post("/refuse", "Content-Length: 5", "Expect: 100-continue"))
            let answer = try client.read()
            #expect(answer.status == 403)
            #expect(answer.text == "refused")
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("who expects something else is refused before he sends his body; HTTP/1.0 expects nothing")
    func otherExpectation() throws {
        try withServer { server in
            for fields in [["Expect: 200-ok"], ["Expect: 100-continue", "Expect: more"], ["Expect:"]] {
                let client = try server.connect()
                try client.send(post("/echo", "Content-Length: 5", fields.joined(separator: "\r\n")))
                #expect(try client.read().status == 417)
                #expect(try client.readToEnd().isEmpty)
            }
            #expect(server.service.admitted.current == 0)
            for expectation in ["200-ok", "100-continue"] {
                let client = try server.connect()
                try client.send("POST /echo HTTP/1.0\r\nContent-Length: 5\r\nExpect: \(expectation)\r\n\r\nhello")
                let answer = try client.read()
                #expect(answer.status == 200)
                #expect(answer.text == "POST /echo - \nhello")
            }
        }
    }

    @Test("who expects 100 and is admitted hears 100, then the answer")
    func continuation() throws {
        try withServer { server in
            let client = try server.connect()
            for _ in 0..<2 {
                try client.send(post("/echo", "Content-Length: 5", "Expect: 100-continue"))
                #expect(try client.read().status == 100)
                #expect(client.hasNothingToRead)
                try client.send("hello")
                #expect(try client.read().text == "POST /echo - \nhello")
            }
        }
    }

    @Test("a refused body that is small is read, and the connection stays")
    func refusalKeepsTheConnection() throws {
        try withServer { server in
            let client = try server.connect()
            for _ in 0..<2 {
                try client.send(post("/refuse", "Content-Length: 5") + "hello")
                #expect(try client.read().status == 403)
                try client.send(post("/refuse", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n")
                #expect(try client.read().status == 403)
            }
            try client.send(post("/echo", "Content-Length: 2") + "ok")
            #expect(try client.read().text == "POST /echo - \nok")
        }
    }

    @Test("a refused body that is large is not read")
    func refusalOfALargeBody() throws {
        try withServer { configuration in
            configuration.maxDrainBytes = 1_000
        } _: { server in
            let client = try server.connect()
            try client.send(post("/refuse", "Content-Length: 1001"))
            #expect(try client.read().status == 403)
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("a refused chunked body that is large has its answer, and is cut")
    func cutOfALargeChunkedBody() throws {
        try withServer { configuration in
            configuration.maxDrainBytes = 100_000
        } _: { server in
            let client = try server.connect()
            _ = client.trySend(
                Array(post("/refuse", "Transfer-Encoding: chunked").utf8) + chunked(pattern(4 << 20), piece: 10_000)
            )
            let answer = try String(decoding: client.readToEnd(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.hasSuffix("\r\n\r\nrefused"))
            #expect(eventually { server.server.activeConnections == 0 })
        }
    }

    @Test("a chunked body is collected", arguments: [1, 7, 4_096, 70_000])
    func collectsChunks(piece: Int) throws {
        try withServer { server in
            let client = try server.connect()
            let body = Array(repeating: UInt8(ascii: "z"), count: piece == 1 ? 500 : 200_000)
            for _ in 0..<2 {
                try client.send(
                    Array(post("/echo", "Transfer-Encoding: chunked").utf8) + chunked(body, piece: piece)
                )
                #expect(try client.read().body == Array("POST /echo - \n".utf8) + body)
            }
        }
    }

    @Test("chunk extensions and trailers are left out")
    func chunkExtensions() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(
                post("/echo", "Transfer-Encoding: chunked") + "5;a=b\r\nhello\r\n0\r\nX-Tag: trailer\r\n\r\n"
                    + post("/echo", "Content-Length: 2") + "ok"
            )
            #expect(try client.read().text.hasSuffix("\nhello"))
            #expect(try client.read().text == "POST /echo - \nok")
        }
    }

    @Test(
        "a chunk whose size is no number ends the connection",
        arguments: ["xyz\r\nhello\r\n", "-5\r\nhello\r\n", "fffffffffffffffff\r\nhello\r\n", "5\r\nhelloXX0\r\n\r\n"]
    )
    func malformedChunk(chunk: String) throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(post("/echo", "Transfer-Encoding: chunked") + chunk + SmugglingTests.smuggled)
            #expect(statuses(in: try client.readToEnd()).allSatisfy { $0 >= 400 })
            #expect(server.service.answered.current == 0)
            #expect(eventually { server.server.activeConnections == 0 })
        }
    }

    @Test("a collected body of exactly the limit is whole")
    func exactlyTheLimit() throws {
        try withServer(collectLimit: 1_000) { server in
            let client = try server.connect()
            let body = [UInt8](repeating: UInt8(ascii: "q"), count: 1_000)
            try client.send(Array(post("/echo", "Transfer-Encoding: chunked").utf8) + chunked(body, piece: 300))
            #expect(try client.read().body.suffix(1_000) == body[...])
            try client.send(Array(post("/echo", "Content-Length: 1000").utf8) + body)
            #expect(try client.read().body.suffix(1_000) == body[...])
        }
    }

    @Test("a collected body beyond the limit is known to be too large, and the connection stays")
    func beyondTheLimit() throws {
        try withServer(collectLimit: 1_000) { server in
            let client = try server.connect()
            let body = [UInt8](repeating: UInt8(ascii: "q"), count: 1_001)
            try client.send(Array(post("/echo", "Transfer-Encoding: chunked").utf8) + chunked(body, piece: 300))
            #expect(try client.read().status == 413)
            try client.send(Array(post("/echo", "Content-Length: 1001").utf8) + body)
            #expect(try client.read().status == 413)
            try client.send(post("/echo", "Content-Length: 2") + "ok")
            #expect(try client.read().text == "POST /echo - \nok")
        }
    }

    @Test("a sink gets all bytes of a body")
    func streams() throws {
        try withServer { server in
            let client = try server.connect()
            let body = pattern(3 << 20)
            try client.send(Array(post("/stream", "Content-Length: \(body.count)").utf8) + body)
            #expect(try client.read().text == "\(body.count) \(sum(body))")
            try client.send(Array(post("/stream", "Transfer-Encoding: chunked").utf8) + chunked(body, piece: 50_001))
            #expect(try client.read().text == "\(body.count) \(sum(body))")
            #expect(eventually { server.service.sinksGone.current == 2 })
        }
    }

    @Test("a sink that says stop gets no more, and the connection stays")
    func stops() throws {
        try withServer { server in
            let client = try server.connect()
            let body = pattern(1 << 20)
            for fields in [["Content-Length: \(body.count)"], ["Transfer-Encoding: chunked"]] {
                let bytes = fields[0].hasPrefix("C") ? body : chunked(body, piece: 30_000)
                try client.send(Array(post("/half", fields[0]).utf8) + bytes)
                let answer = try client.read()
                #expect(answer.status == 200)
                let count = answer.text.split(separator: " ").first.flatMap { Int($0) }
                #expect(try (1_000..<40_000).contains(#require(count)))
            }
        }
    }

    @Test("after a sink said stop, as much of a chunked body is read as of any that nobody wants")
    func stopsLate() throws {
        try withServer { configuration in
            configuration.maxDrainBytes = 500_000
        } _: { server in
            let client = try server.connect()
            // The sink wants 1,000 bytes; what comes behind is within the limit, both together are beyond it.
            let body = pattern(500_500)
            #expect(
                client.trySend(
                    Array(post("/half", "Transfer-Encoding: chunked").utf8) + chunked(body, piece: 1_000)
                )
            )
            #expect(try client.read().status == 200)
        }
    }

    @Test("a refused body that was promised and never came leaves nothing")
    func vanishedAfterRefusal() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(post("/refuse", "Content-Length: 500") + "hello")
            client.close()
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(server.service.answered.current == 0)
        }
    }
}
