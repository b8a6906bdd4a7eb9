import Glibc
import Testing

@testable import MicroHTTP

/// More connections and larger header blocks than there may be.
@Suite struct LimitTests {
    private static let get = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("a connection too many is answered and closed; when another ends there is room again")
    func connections() throws {
        try withServer { configuration in
            configuration.maxConnections = 3
        } _: { server in
            let first = try (0..<3).map { _ in try server.connect() }
            for client in first { #expect(try client.ask(Self.get).status == 200) }
            for _ in 0..<100 {
                let answer = try server.connect().ask(Self.get)
                #expect(answer.status == 503)
                #expect(answer.text == "connections")
                #expect(answer.header("Connection") == "close")
            }
            let silent = try server.connect()
            #expect(statuses(in: try silent.readToEnd()) == [503])
            for client in first { #expect(try client.ask(Self.get).status == 200) }
            first[0].close()
            #expect(eventually { server.server.connections.total == 2 })
            #expect(try server.connect().ask(Self.get).status == 200)
        }
    }

    @Test("one address may be limited; others have their own count")
    func connectionsFromAddress() throws {
        try withServer { configuration in
            configuration.maxConnectionsPerAddress = 2
        } _: { server in
            let first = try (0..<2).map { _ in try server.connect() }
            for client in first { #expect(try client.ask(Self.get).status == 200) }
            #expect(try server.connect().ask(Self.get).text == "address")
            let other = try server.connect(from: "127.0.0.2")
            #expect(try other.ask(Self.get).status == 200)
            first[1].reset()
            #expect(eventually { server.server.connections.total == 2 })
            #expect(try server.connect().ask(Self.get).status == 200)
        }
    }

    @Test("no limit for addresses is none")
    func noLimitFromAddress() throws {
        try withServer { server in
            let clients = try (0..<200).map { _ in try server.connect() }
            for client in clients { #expect(try client.ask(Self.get).status == 200) }
        }
    }

    @Test("addresses count by network where a host has a network")
    func addresses() {
        func key(_ text: String) -> PeerAddress {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            inet_pton(AF_INET6, text, &address.sin6_addr)
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { PeerAddress($0, -1) }
            }
        }
        #expect(key("2001:db8::1") == key("2001:db8::ffff:1"))
        #expect(key("2001:db8::1") != key("2001:db8:0:1::1"))
        #expect(PeerAddress(nil, -1) == .other)
    }

    @Test("the acceptor takes a batch and then looks at everything else")
    func batch() throws {
        try withServer { server in
            guard let address = ListenAddress("127.0.0.1:0") else { throw ClientFailure(text: "no address") }
            let socket = try ListeningSocket(address, fileMode: 0o600, isSecure: false)
            let acceptor = Acceptor(server: server.server, sockets: [socket])
            defer { acceptor.stop() }
            let clients = try (0..<(Acceptor.batch + 10)).map { _ in try RawClient(port: socket.port) }
            var turnedAway = TurnedAway()
            for total in [Acceptor.batch, clients.count] {
                let hasDescriptors = acceptor.acceptSome(from: socket, &turnedAway)
                #expect(hasDescriptors)
                #expect(server.server.connections.total == total)
            }
            for client in clients { #expect(try client.ask(Self.get).status == 200) }
        }
    }

    @Test("those turned away never hold more than a few descriptors, and none for long")
    func turnedAway() throws {
        guard let address = ListenAddress("127.0.0.1:0") else { throw ClientFailure(text: "no address") }
        let socket = try ListeningSocket(address, fileMode: 0o600, isSecure: false)
        defer { close(socket.descriptor) }
        var turnedAway = TurnedAway()
        let clients = try (0..<(TurnedAway.most + 5)).map { _ in
            let client = try RawClient(port: socket.port)
            let descriptor = try #require(pollAccept(socket.descriptor))
            turnedAway.add(descriptor, Response(status: 503))
            return client
        }
        #expect(turnedAway.count == TurnedAway.most)
        let now = monotonicNs()
        let line = turnedAway.sweep(at: now)
        #expect(line == "turned away \(clients.count) connections: as many as may be are open")
        #expect(turnedAway.count == TurnedAway.most)
        #expect(clients[..<5].allSatisfy { !$0.hasNothingToRead })
        #expect(statuses(in: try clients[20].readToEnd()) == [503])
        clients[20].close()
        clients[21].finishSending()
        #expect(
            eventually {
                _ = turnedAway.sweep(at: now)
                return turnedAway.count == TurnedAway.most - 2
            }
        )
        let later = turnedAway.sweep(at: now + 60_000_000_000)
        #expect(later == nil)
        #expect(turnedAway.count == 0)
    }

    @Test("a header block beyond the limit is answered and closes the connection; one that fits passes")
    func headerBlock() throws {
        try withServer { configuration in
            configuration.maxHeaderBytes = 2_000
        } _: { server in
            func request(of count: Int) -> String {
                let bare = "GET /echo HTTP/1.1\r\nHost: x\r\nX-Tag: \r\n\r\n"
                return bare.replacing(
                    "X-Tag: ",
                    with: "X-Tag: " + String(repeating: "a", count: count - bare.utf8.count)
                )
            }
            let client = try server.connect()
            #expect(try client.ask(request(of: 2_000)).status == 200)
            #expect(try client.ask(request(of: 2_000)).status == 200)
            try client.send(request(of: 2_001) + Self.get)
            let answer = try client.read()
            #expect(answer.status == 431)
            #expect(answer.header("Connection")?.lowercased() == "close")
            #expect(try client.readToEnd().isEmpty)
            let posting = try server.connect()
            try posting.send(
                "POST /echo?\(String(repeating: "b", count: 2_000)) HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
            )
            #expect(try posting.read().status == 431)
        }
    }

    @Test("a header block may be as large as the limit says", arguments: [30 << 10, 64 << 10, 256 << 10])
    func largeHeaderBlock(limit: Int) throws {
        try withServer { configuration in
            configuration.maxHeaderBytes = limit
        } _: { server in
            let bare = "GET /echo? HTTP/1.1\r\nHost: localhost:1234\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n"
            let long = String(repeating: "a", count: limit - bare.utf8.count)
            let client = try server.connect()
            for _ in 0..<2 {
                let answer = try client.ask(bare.replacing("?", with: "?" + long))
                #expect(answer.status == 200)
                #expect(answer.text.contains(long))
            }
        }
    }
}

/// Accepts one connection.
private func pollAccept(_ listening: Int32) -> Int32? {
    var polled = pollfd(fd: listening, events: Int16(POLLIN), revents: 0)
    guard poll(&polled, 1, 60_000) == 1 else { return nil }
    let descriptor = accept(listening, nil, nil)
    return descriptor >= 0 ? descriptor : nil
}
