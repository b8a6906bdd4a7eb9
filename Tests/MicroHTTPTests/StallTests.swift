import Testing

@testable import MicroHTTP

/// Clients that take their time.
@Suite struct StallTests {
    private static let get = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"

    /// Sends a byte every so often until nobody takes it any more; true if that came about.
    private func trickle(_ client: RawClient, _ byte: UInt8) -> Bool { eventually { !client.trySend([byte]) } }

    @Test("a header block that trickles is cut")
    func tricklingHeader() throws {
        try withServer { configuration in
            configuration.headerSeconds = 1
        } _: { server in
            let client = try server.connect()
            try client.send("GET /echo HTTP/1.1\r\nHost: x\r\nX-Tag: ")
            #expect(trickle(client, UInt8(ascii: "a")))
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(server.service.admitted.current == 0)
        }
    }

    @Test("a connection on which nothing is asked is cut")
    func silentConnection() throws {
        try withServer { configuration in
            configuration.headerSeconds = 1
        } _: { server in
            let fresh = try server.connect()
            let used = try server.connect()
            #expect(try used.ask(Self.get).status == 200)
            #expect(try fresh.readToEnd().isEmpty)
            #expect(try used.readToEnd().isEmpty)
        }
    }

    @Test("a body that trickles is cut", arguments: ["/echo", "/stream", "/refuse"])
    func tricklingBody(path: String) throws {
        try withServer { configuration in
            configuration.bodyGraceSeconds = 1
            configuration.minBodyBytesPerSecond = 1e9
        } _: { server in
            let client = try server.connect()
            try client.send("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhello")
            #expect(trickle(client, UInt8(ascii: "a")))
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(eventually { server.service.statesGone.current + server.service.sinksGone.current > 0 })
            #expect(server.service.answered.current == 0)
        }
    }

    @Test("a body that is fast enough is not cut, however long it takes")
    func steadyBody() throws {
        try withServer { configuration in
            configuration.bodyGraceSeconds = 1
            configuration.minBodyBytesPerSecond = 1
        } _: { server in
            let client = try server.connect()
            let isSwept = server.service.seconds.current
            try client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
            try client.send([UInt8](repeating: 1, count: 99_999))
            #expect(eventually { server.service.seconds.current >= isSwept + 3 })
            try client.send([1])
            #expect(try client.read().status == 200)
        }
    }

    @Test("a worker's request is not cut while the worker has it")
    func longWork() throws {
        try withServer { configuration in
            configuration.headerSeconds = 1
            configuration.bodyGraceSeconds = 1
            configuration.idleSeconds = 1
        } _: { server in
            let client = try server.connect()
            try client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(eventually { server.service.working.current == 1 })
            let isSwept = server.service.seconds.current
            #expect(eventually { server.service.seconds.current >= isSwept + 4 })
            server.service.latch.open()
            #expect(try client.read().text == "hello")
        }
    }

    @Test("clients that never read their answers delay nobody")
    func neverReads() throws {
        try withServer { server in
            let deaf = try (0..<4).map { _ in try server.connect(receiveBufferBytes: 4_096) }
            for client in deaf { try client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(eventually { server.service.answered.current == 4 })
            for _ in 0..<20 {
                let client = try server.connect()
                #expect(try client.ask(Self.get).status == 200)
            }
            for client in deaf { client.reset() }
            #expect(eventually { server.server.activeConnections == 0 })
        }
    }

    @Test("a client that never reads his answer is cut in the end")
    func neverReadsIsCut() throws {
        try withServer { configuration in
            configuration.idleSeconds = 1
        } _: { server in
            let deaf = try server.connect(receiveBufferBytes: 4_096)
            try deaf.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(eventually { server.service.answered.current == 1 })
            #expect(eventually { server.server.activeConnections == 0 })
        }
    }

    @Test("a client that reads his answer slowly gets all of it")
    func readsSlowly() throws {
        try withServer { server in
            let client = try server.connect(receiveBufferBytes: 4_096)
            try client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try client.read()
            #expect(answer.body.count == 64 << 20)
            #expect(try client.ask(Self.get).status == 200)
        }
    }

    @Test(
        "a client that vanishes in the middle of his request frees its state",
        arguments: [
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
            "POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
            "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
        ],
        [true, false]
    )
    func vanishes(request: String, withReset: Bool) throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(request)
            #expect(eventually { server.service.admitted.current == 1 })
            if withReset { client.reset() } else { client.close() }
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(eventually { server.service.statesGone.current == 1 })
            #expect(server.server.activeRequests.current == 0)
            #expect(server.service.answered.current == 0)
        }
    }

    @Test("a client that closes his side after a whole request still gets his answer")
    func halfClose() throws {
        try withServer { server in
            for path in ["/echo", "/later"] {
                let client = try server.connect()
                try client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                client.finishSending()
                #expect(try client.read().status == 200)
                #expect(try client.readToEnd().isEmpty)
            }
        }
    }

    @Test("the time of a record begins anew with each stage")
    func stages() throws {
        let server = Server(
            configuration: .init(listen: [], threads: 1),
            service: TestService(),
            log: { _, _ in }
        )
        defer { server.workers.stop() }
        let record = ConnectionRecord(descriptor: -1, loop: EventLoop(server: server))
        let minute: Int64 = 60_000_000_000
        let start = monotonicNs()
        #expect(!record.isOverdue(at: start + minute - 1_000_000_000, server.configuration))
        #expect(record.isOverdue(at: start + minute * 2, server.configuration))
        record.enter(.body)
        #expect(!record.isOverdue(at: start + minute / 2 - 1_000_000_000, server.configuration))
        #expect(record.isOverdue(at: start + minute, server.configuration))
        record.count(1_024 * 60)
        #expect(!record.isOverdue(at: start + minute, server.configuration))
        #expect(record.isOverdue(at: start + minute * 2, server.configuration))
        record.enter(.answering)
        #expect(!record.isOverdue(at: start + minute * 2, server.configuration))
    }
}
