import MicroHTTP
import Testing

/// How requests follow one another on a connection.
@Suite struct ConnectionTests {
    private static let get = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("two requests are answered on one connection")
    func keepAlive() throws {
        try withServer { server in
            let client = try server.connect()
            for _ in 0..<2 {
                try client.send(Self.get)
                let answer = try client.read()
                #expect(answer.status == 200)
                #expect(answer.header("Connection")?.lowercased() != "close")
            }
            #expect(server.server.activeConnections == 1)
        }
    }

    @Test("a GET with a body is read whole and the connection stays")
    func getWithBody() throws {
        try withServer { server in
            let client = try server.connect()
            for _ in 0..<3 {
                try client.send("GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
                #expect(try client.read().text == "GET /echo - \nhello")
            }
        }
    }

    @Test("a body that is announced with the length 0 is none")
    func emptyBody() throws {
        try withServer { server in
            let client = try server.connect()
            for _ in 0..<2 {
                try client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                #expect(try client.read().text == "POST /echo - \n")
            }
        }
    }

    @Test("sixteen requests sent at once are answered in their order")
    func pipelining() throws {
        try withServer { server in
            let client = try server.connect()
            let requests = (0..<16).map { index in
                switch index % 3 {
                case 0: "GET /later?\(index) HTTP/1.1\r\nHost: x\r\n\r\n"
                case 1: "GET /echo?\(index) HTTP/1.1\r\nHost: x\r\n\r\n"
                default: "POST /echo?\(index) HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                }
            }
            try client.send(requests.joined())
            for index in 0..<16 {
                let answer = try client.read()
                #expect(answer.status == 200)
                #expect(answer.text.contains("?\(index)"))
            }
        }
    }

    @Test("Connection: close is obeyed")
    func connectionClose() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + Self.get)
            let answer = try client.read()
            #expect(answer.status == 200)
            #expect(answer.header("Connection")?.lowercased() == "close")
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("HEAD has the length of the body and not the body")
    func head() throws {
        try withServer { server in
            let client = try server.connect()
            for path in ["/length", "/length", "/pinned", "/echo"] {
                try client.send("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try client.read(isHead: true)
                #expect(answer.status == 200)
                if path == "/length" { #expect(answer.header("Content-Length") == "12345") }
            }
            try client.send(Self.get)
            #expect(try client.read().text == "GET /echo - \n")
        }
    }

    @Test("304 has no length, no body and is the last answer of its connection", arguments: ["GET", "HEAD"])
    func notModified(method: String) throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("\(method) /unchanged HTTP/1.1\r\nHost: x\r\n\r\n" + Self.get)
            let answer = try client.read()
            #expect(answer.status == 304)
            #expect(answer.header("ETag") == "\"1\"")
            #expect(answer.header("Content-Length") == nil)
            #expect(answer.header("Transfer-Encoding") == nil)
            #expect(answer.header("Connection")?.lowercased() == "close")
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("a field may be empty")
    func emptyField() throws {
        try withServer { server in
            let answer = try server.connect().ask("GET /blank HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(answer.status == 204)
            #expect(answer.header("X-Blank") == "")
        }
    }

    @Test("memory that a body was sent from is let go when the last byte is out")
    func pinnedBody() throws {
        try withServer { server in
            let client = try server.connect()
            for count in 1...3 {
                try client.send("GET /pinned HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try client.read()
                #expect(answer.body.count == 1 << 20)
                #expect(answer.body.allSatisfy { $0 == UInt8(ascii: "p") })
                #expect(eventually { server.service.ownersGone.current == count })
            }
        }
    }

    @Test("memory that a body is sent from stays while a slow client reads, and goes when he hangs up")
    func pinnedBodyOfAVanishingClient() throws {
        try withServer { server in
            let client = try server.connect(receiveBufferBytes: 4_096)
            for _ in 0..<64 { try client.send("GET /pinned HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(try client.read().body.allSatisfy { $0 == UInt8(ascii: "p") })
            client.reset()
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(eventually { server.service.ownersGone.current == server.service.answered.current })
        }
    }

    @Test("a header block beyond the memory of a connection is refused by libmicrohttpd")
    func largeHeaderBlock() throws {
        try withServer { server in
            let client = try server.connect()
            let long = String(repeating: "a", count: 40_000)
            #expect(client.trySend(Array("GET /echo HTTP/1.1\r\nHost: x\r\nX-Tag: \(long)\r\n\r\n".utf8)))
            #expect(statuses(in: try client.readToEnd()).allSatisfy { $0 == 431 })
            #expect(eventually { server.server.activeConnections == 0 })
        }
    }

    @Test(
        "what is no request closes the connection and leaves nothing behind",
        arguments: [
            "\r\n\r\n\r\n", "GET\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\r\n\r\n", " / \r\n\r\n",
        ]
    )
    func noRequest(text: String) throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(text)
            client.finishSending()
            #expect(statuses(in: try client.readToEnd()).allSatisfy { $0 >= 400 })
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(server.service.admitted.current == 0)
        }
    }
}
