import Glibc
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
            configuration.idleSeconds = 1
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
            configuration.idleSeconds = 1
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
            configuration.idleSeconds = 1
            configuration.minBytesPerSecond = 1e9
        } _: { server in
            let client = try server.connect()
            try client.send("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhello")
            #expect(trickle(client, UInt8(ascii: "a")))
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(eventually { server.service.statesGone.current + server.service.sinksGone.current > 0 })
            #expect(server.service.answered.current == 0)
        }
    }

    @Test("a worker's request is not cut while the worker has it")
    func longWork() throws {
        try withServer { configuration in
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

    @Test("a client that drips in the reading of his answer is cut, although he reads")
    func readsTooSlowly() throws {
        try withServer { configuration in
            configuration.idleSeconds = 1
            configuration.minBytesPerSecond = 1e9
        } _: { server in
            let client = try server.connect(receiveBufferBytes: 4_096)
            try client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            var count = 0
            #expect(
                eventually {
                    count += client.take(2_000)
                    return client.wasReset
                }
            )
            #expect(count < 64 << 20)
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

    @Test("a client that closed his side is not given up at once, for its request may be under way")
    func doubt() throws {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        let server = Server(
            configuration: .init(listen: [], threads: 1),
            service: TestService(),
            log: { _, _ in }
        )
        defer { server.workers.stop() }
        let record = ConnectionRecord(
            descriptor: ends[0],
            peer: .other,
            loop: EventLoop(server: server, certificate: nil)
        )
        let second: Int64 = 1_000_000_000
        #expect(!record.hasVanished(at: 0))
        #expect(!record.hasVanished(at: 9 * second))
        shutdown(ends[1], Int32(SHUT_WR))
        record.enter(.body)
        #expect(!record.hasVanished(at: 10 * second))
        #expect(!record.hasVanished(at: 11 * second))
        record.count(1)
        #expect(!record.hasVanished(at: 12 * second))
        #expect(!record.hasVanished(at: 13 * second))
        #expect(record.hasVanished(at: 14 * second))
        record.enter(.sending)
        #expect(!record.hasVanished(at: 99 * second))
    }

    @Test("the time of a record begins anew with each stage")
    func stages() throws {
        let server = Server(
            configuration: .init(listen: [], threads: 1),
            service: TestService(),
            log: { _, _ in }
        )
        defer { server.workers.stop() }
        let record = ConnectionRecord(descriptor: -1, peer: .other, loop: EventLoop(server: server, certificate: nil))
        let minute: Int64 = 60_000_000_000
        let start = monotonicNs()
        #expect(!record.isOverdue(at: start + minute - 1_000_000_000, server.configuration))
        #expect(record.isOverdue(at: start + minute * 2, server.configuration))
        record.enter(.body)
        #expect(!record.isOverdue(at: start + minute - 1_000_000_000, server.configuration))
        record.count(1_024 * 60)
        #expect(!record.isOverdue(at: start + minute, server.configuration))
        #expect(record.isOverdue(at: start + minute * 2 + 1_000_000_000, server.configuration))
        record.enter(.working)
        #expect(!record.isOverdue(at: start + minute * 9, server.configuration))
        record.enter(.body)
        #expect(!record.isOverdue(at: start + minute - 1_000_000_000, server.configuration))
        record.enter(.idle)
        #expect(record.isOverdue(at: start + minute * 2, server.configuration))
    }

    @Test("who does nothing may pause as long as it says, and no longer")
    func pause() {
        let client = PacedClient()
        #expect(!client.isTooSlow(at: 60, moved: 0))
        #expect(client.isTooSlow(at: 60.001, moved: 0))
    }

    @Test("who keeps the rate may go on for ever, and then pause")
    func steadyPace() {
        let client = PacedClient()
        for second in 1...1_000 { #expect(!client.isTooSlow(at: Double(second), moved: UInt64(second) * 1_000)) }
        #expect(!client.isTooSlow(at: 1_060, moved: 1_000_000))
        #expect(client.isTooSlow(at: 1_060.001, moved: 1_000_000))
    }

    @Test("who drips has hardly more time than who does nothing, whatever came before", arguments: [0, 1 << 40])
    func drip(before: UInt64) {
        let client = PacedClient()
        #expect(!client.isTooSlow(at: 0, moved: before))
        #expect((1...1_000).first { client.isTooSlow(at: Double($0), moved: before + UInt64($0)) } == 61)
    }

    @Test("half of the rate is twice the time")
    func halfRate() {
        let client = PacedClient()
        #expect((1...1_000).first { client.isTooSlow(at: Double($0), moved: UInt64($0) * 500) } == 121)
    }

    @Test("without a least rate any byte is enough, and who took all there was is late when nothing more comes")
    func noRate() {
        let client = PacedClient(rate: 0)
        for minute in 1...100 { #expect(!client.isTooSlow(at: Double(minute) * 60, moved: UInt64(minute))) }
        for minute in 102...200 {
            #expect(!client.isTooSlow(at: Double(minute) * 60, moved: UInt64(minute), owesNothing: true))
        }
        #expect(!client.isTooSlow(at: 201 * 60, moved: 200, owesNothing: true))
        #expect(client.isTooSlow(at: 201 * 60 + 0.001, moved: 200, owesNothing: true))
    }
}

/// A pace that begins at second 0, with a pause of 60 s.
private final class PacedClient {
    private var configuration = Server.Configuration(listen: [], threads: 1)
    private var pace: Pace

    init(rate: Double = 1_000) {
        configuration.idleSeconds = 60
        configuration.minBytesPerSecond = rate
        pace = Pace(nowNs: 0, moved: 0, configuration)
    }

    func isTooSlow(at second: Double, moved: UInt64, owesNothing: Bool = false) -> Bool {
        let nowNs = Int64(second * 1e9)
        return pace.isTooSlow(nowNs: nowNs, moved: moved, owesNothing: owesNothing, configuration)
    }
}
