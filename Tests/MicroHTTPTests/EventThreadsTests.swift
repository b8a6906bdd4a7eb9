import Glibc
import Testing

@testable import MicroHTTP

/// Workers let the event threads pass.
@Suite struct EventThreadsTests {
    @Test(
        "somebody waits while there is an event that its thread has not taken, and who is not in its way does not care"
    )
    func somebodyWaits() {
        let threads = EventThreads()
        let place = EventThreads.Place()
        // In the place of what an event thread waits with.
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for descriptor in ends { close(descriptor) } }
        place.waits(with: ends[0])
        threads.add(place)
        var byte: UInt8 = 1
        #expect(write(ends[1], &byte, 1) == 1)
        let all = Array(Int32(0)..<1_024)
        #expect(!all.contains(where: threads.somebodyWaits), "it has not begun a request, wherever that would be")
        place.note()
        let processor = all.filter { threads.somebodyWaits(for: $0) }
        #expect(processor.count == 1)
        #expect(read(ends[0], &byte, 1) == 1)
        #expect(!all.contains(where: threads.somebodyWaits))
        #expect(write(ends[1], &byte, 1) == 1)
        #expect(all.filter { threads.somebodyWaits(for: $0) } == processor)
        threads.remove(place)
        #expect(!all.contains(where: threads.somebodyWaits))
    }

    @Test("a server's threads count from its start to its end")
    func ofServer() throws {
        let server = try TestServer()
        #expect(server.server.eventThreads.count == 2)
        server.stop()
        #expect(server.server.eventThreads.count == 0)
    }

    @Test("as many requests as a thread takes events at a time are all answered")
    func fullBatch() throws {
        let count = 128
        try withServer { configuration in
            configuration.threads = 1
        } _: { server in
            let clients = try (0..<count).map { _ in try server.connect() }
            for client in clients { #expect(try client.ask(get).status == 200) }
            let held = try server.connect()
            try held.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(eventually { server.service.working.current == 1 })
            for client in clients { try client.send(get) }
            server.service.latch.open()
            // Nothing else happens on the thread now that could wake it.
            for client in clients { #expect(try client.read().text == "hello") }
            #expect(try held.read().text == "hello")
        }
    }

    private let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("a connection of this machine has a send buffer of its own size", arguments: [nil, "127.0.0.2"])
    func sendBuffer(source: String?) throws {
        try withServer { configuration in
            configuration.loopbackSendBytes = 50_000
        } _: { server in
            let client = try server.connect(from: source)
            try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.read().status == 200)
            var sizes: [Int32] = []
            server.server.connections.cut { record in
                var (bytes, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
                getsockopt(record.descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, &size)
                sizes.append(bytes)
                return false
            }
            #expect(sizes == [100_000], "the kernel doubles it, for what it needs besides")
        }
    }
}
