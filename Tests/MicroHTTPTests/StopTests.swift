import Glibc
import Testing

@testable import MicroHTTP

/// How a server ends, and what it leaves.
@Suite struct StopTests {
    @Test("requests that run are finished before the server is stopped")
    func finishesRequests() async {
        await #expect(processExitsWith: .success) {
            alarm(120)
            let server = try TestServer { $0.workers = 4 }
            let clients = try (0..<4).map { _ in try server.connect() }
            for client in clients { try client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(eventually { server.service.working.current == 4 })
            let port = server.server.port
            let stopped = inBackground { server.server.stop(drainSeconds: 60) }
            // It is stopping as soon as it takes no more connections.
            #expect(eventually { !canConnect(port) })
            server.service.latch.open()
            for client in clients { #expect(try client.read().text == "hello") }
            stopped.join()
            for client in clients { #expect(try client.readToEnd().isEmpty) }
            #expect(eventually { server.service.statesGone.current == 4 })
        }
    }

    @Test("connections that arrive while the server stops break nothing")
    func arrivalsWhileStopping() async {
        await #expect(processExitsWith: .success) {
            alarm(120)
            for _ in 0..<50 {
                let server = try TestServer()
                let port = server.server.port
                let started = Latch()
                let arriving = inBackground {
                    started.open()
                    while canConnect(port) {}
                }
                started.wait()
                server.server.stop(drainSeconds: 1)
                arriving.join()
                #expect(server.server.activeConnections == 0)
            }
        }
    }

    @Test("requests that take longer than the server may drain are answered by nobody, and nothing breaks")
    func cutsRequests() throws {
        let server = try TestServer { $0.workers = 2 }
        let clients = try (0..<8).map { _ in try server.connect() }
        for client in clients { try client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n") }
        #expect(eventually { server.service.working.current == 2 })
        #expect(eventually { server.service.admitted.current == 8 })
        let stopped = inBackground { server.server.stop(drainSeconds: 0) }
        for client in clients { #expect(try client.readToEnd().isEmpty) }
        server.service.latch.open()
        stopped.join()
        #expect(server.service.statesGone.current == 8)
        #expect(server.server.activeConnections == 0)
    }

    @Test("idle connections and half requests do not keep a server from stopping")
    func idleConnections() throws {
        let server = try TestServer()
        let idle = try (0..<20).map { _ in try server.connect() }
        for client in idle { #expect(try client.ask(get).status == 200) }
        let fresh = try server.connect()
        let half = try server.connect()
        try half.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        let started = try server.connect()
        try started.send("GET /echo HTTP/1.1\r\nHo")
        #expect(eventually { server.server.activeConnections == 23 })
        #expect(eventually { server.service.admitted.current == 21 })
        server.server.stop(drainSeconds: 0)
        for client in idle + [fresh, half, started] { #expect(try client.readToEnd().isEmpty) }
        #expect(server.server.activeConnections == 0)
        #expect(server.server.activeRequests.current == 0)
    }

    @Test("a server can be stopped twice, and one that never started too")
    func stopTwice() throws {
        let server = try TestServer()
        let port = server.server.port
        #expect(canConnect(port))
        server.server.stop(drainSeconds: 1)
        server.server.stop(drainSeconds: 1)
        #expect(!canConnect(port))
        let idle = Server(configuration: server.server.configuration, service: TestService(), log: { _, _ in })
        idle.stop(drainSeconds: 1)
        #expect(idle.port == 0)
    }

    @Test("an address in use is an error that names it")
    func addressInUse() throws {
        try withServer { first in
            let address = try #require(ListenAddress("127.0.0.1:\(first.server.port)"))
            let second = Server(
                configuration: .init(listen: [address], threads: 1),
                service: TestService(),
                log: { _, _ in }
            )
            #expect(throws: ServerError.addressInUse("\(address)")) { try second.start() }
            let another = try first.connect()
            #expect(try another.ask(get).status == 200)
        }
    }

    @Test("a server listens on all its addresses")
    func twoAddresses() throws {
        try withServer { configuration in
            configuration.listen += configuration.listen
        } _: { server in
            let another = try server.connect()
            #expect(try another.ask(get).status == 200)
        }
    }

    @Test("a hundred connections that come and go leave no descriptor, no exchange and no record")
    func leavesNothing() async {
        await #expect(processExitsWith: .success) {
            alarm(120)
            let server = try TestServer()
            func use(_ index: Int) throws {
                let client = try server.connect()
                switch index % 6 {
                case 0: #expect(try client.ask("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
                case 1: try client.send("GET /echo HTTP/1.1\r\n")
                case 2: try client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
                case 3: try client.send("POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
                case 4:
                    try client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
                    client.reset()
                default: try client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
                }
            }
            for index in 0..<6 { try use(index) }
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(eventually { Exchange.live.current == 0 })
            // A connection leaves the table just before its descriptor is closed.
            var before = openDescriptors()
            #expect(
                eventually {
                    let now = openDescriptors()
                    defer { before = now }
                    return now == before
                }
            )
            for index in 0..<102 { try use(index) }
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(eventually { Exchange.live.current == 0 })
            // The runtime may open a few of its own meanwhile; a leak of one in each round would be more.
            #expect(eventually { openDescriptors() < before + 10 })
            #expect(server.server.activeRequests.current == 0)
            server.stop()
            #expect(Exchange.live.current == 0)
        }
    }

    @Test("a server that is started and stopped leaves no descriptor and no thread")
    func leavesNoThread() async {
        await #expect(processExitsWith: .success) {
            alarm(120)
            for _ in 0..<2 { try TestServer().stop() }
            let descriptors = openDescriptors()
            for _ in 0..<20 {
                let server = try TestServer()
                let client = try server.connect()
                #expect(try client.ask("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
                server.stop()
            }
            #expect(eventually { openDescriptors() < descriptors + 10 })
            #expect(eventually { names(in: "/proc/self/task").count < 40 })
        }
    }

    @Test("connections beyond the limit are told so, and the threads go on and forget them")
    func connectionLimit() async {
        // In a process of its own: in one run libmicrohttpd's thread waited for ever for a lock that it held itself.
        await #expect(processExitsWith: .success) {
            alarm(60)
            let server = try TestServer { configuration in
                configuration.maxConnections = 8
            }
            for _ in 0..<5 {
                let clients = (0..<100).compactMap { _ in try? server.connect() }
                for client in clients { _ = client.trySend(Array(get.utf8)) }
                let statuses = clients.map { try? $0.read().status }
                #expect(clients.count == 100)
                #expect(statuses.count { $0 == 200 } == 8)
                #expect(statuses.count { $0 == 503 } == 92)
                for client in clients { client.close() }
                #expect(eventually { server.server.activeConnections == 0 })
                #expect(eventually { server.server.connections.total == 0 })
                #expect(eventually { server.server.leastBusyLoop(isSecure: false).connectionCount.current == 0 })
            }
            let another = try server.connect()
            #expect(try another.ask(get).status == 200)
            server.stop()
        }
    }
}

private let get = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"

/// Runs something on a thread of its own, which the caller joins.
private func inBackground(_ work: @escaping @Sendable () -> Void) -> PlatformThread {
    PlatformThread(name: "test", work)
}

/// Whether somebody listens on a port.
private func canConnect(_ port: Int) -> Bool {
    do {
        _ = try RawClient(port: port)
        return true
    } catch {
        return false
    }
}

/// The entries of a directory.
private func names(in path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
            name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if !name.hasPrefix(".") { names.append(name) }
    }
    return names
}

/// How many descriptors this process has open.
private func openDescriptors() -> Int { names(in: "/proc/self/fd").count }
