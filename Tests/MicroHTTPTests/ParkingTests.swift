import Glibc
import Testing

@testable import MicroHTTP

/// Connections that wait for something to happen, suspended meanwhile.
@Suite struct ParkingTests {
    private func ask(_ server: TestServer, _ path: String) throws -> RawClient {
        let client = try server.connect()
        try client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        return client
    }

    @Test(
        "a parked request is asked again when it is woken, and no sooner answered",
        arguments: ["/park", "/park/later"]
    )
    func parked(path: String) throws {
        try withServer { server in
            let clients = try (0..<50).map { _ in try ask(server, path) }
            #expect(eventually { server.service.happening.waiting == 50 })
            // For nothing, also where the connection is about to fall asleep.
            for _ in 0..<20 { server.service.happening.wakeAll() }
            #expect(server.server.workers.busyCount <= 4)
            server.service.happening.announce()
            for client in clients { #expect(try client.read().text == "it happened") }
            // The connection goes on as any other.
            for client in clients { #expect(try client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").text == "hello") }
        }
    }

    @Test("a wake that comes before the sleep is not lost", arguments: ["/park", "/park/later"])
    func race(path: String) throws {
        try withServer { server in
            for seen in 0..<200 {
                let before = server.service.happening.waiting
                let client = try ask(server, "\(path)?\(seen)")
                while server.service.happening.waiting == before {}
                server.service.happening.announce()
                #expect(try client.read().text == "it happened")
            }
        }
    }

    @Test("a client that hangs up while it waits is let go, one that waits beyond the idle timeout is not")
    func hangUp() throws {
        try withServer { configuration in
            configuration.idleSeconds = 1
        } _: { server in
            let paths = ["/park", "/park/later", "/live"]
            let (stays, goes) = (try paths.map { try ask(server, $0) }, try paths.map { try ask(server, $0) })
            #expect(eventually { server.service.happening.waiting == 6 })
            #expect(try stays[2].readHead().status == 200)
            for client in goes { client.close() }
            #expect(eventually { server.server.activeConnections == 3 })
            #expect(eventually { server.service.happening.sources == 1 })
            let seconds = server.service.seconds.current
            #expect(eventually { server.service.seconds.current >= seconds + 3 })
            #expect(server.server.activeConnections == 3)
            server.service.happening.announce()
            for client in stays.dropLast() { #expect(try client.read().text == "it happened") }
            #expect(try stays[2].readChunk() == ".")
        }
    }

    @Test("a live body says what happens when it does, and ends")
    func live() throws {
        try withServer { server in
            let clients = try (0..<20).map { _ in try ask(server, "/live") }
            for client in clients { #expect(try client.readHead().header("Transfer-Encoding") == "chunked") }
            for _ in 0..<100 {
                server.service.happening.announce()
                for client in clients { #expect(try client.readChunk() == ".") }
            }
            server.service.happening.end()
            for client in clients {
                #expect(try client.readChunk().isEmpty)
                #expect(try client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").text == "hello")
            }
            #expect(eventually { server.service.happening.sources == 0 })
        }
    }

    @Test("a stop tells those who wait, and they end properly")
    func politeStop() throws {
        let server = try TestServer()
        let (parked, live) = (try ask(server, "/park"), try ask(server, "/live"))
        #expect(try live.readHead().status == 200)
        #expect(eventually { server.service.happening.waiting == 2 })
        server.server.stop(drainSeconds: 60)
        #expect(try parked.read().text == "it happened")
        #expect(try live.readChunk().isEmpty)
    }

    @Test("a stop cuts those who do not end by themselves")
    func hardStop() throws {
        let server = try TestServer()
        server.service.happening.beDeaf()
        let clients = try ["/park", "/park/later", "/live"].map { try ask(server, $0) }
        #expect(try clients[2].readHead().status == 200)
        #expect(eventually { server.service.happening.waiting == 3 })
        server.server.stop(drainSeconds: 0)
        for client in clients { #expect(try client.readToEnd().isEmpty) }
        #expect(server.server.activeRequests.current == 0)
        #expect(server.service.happening.sources == 0)
    }
}
