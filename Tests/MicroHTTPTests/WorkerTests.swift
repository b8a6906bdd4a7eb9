import Glibc
import Locks
import Testing

@testable import MicroHTTP

/// Answers that are made away from the event threads.
@Suite struct WorkerTests {
    private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n" }

    @Test("two hundred requests at once are answered by workers, each with its own answer")
    func manyAtOnce() throws {
        try withServer { server in
            let clients = try (0..<200).map { _ in try server.connect() }
            for round in 0..<3 {
                for (index, client) in clients.enumerated() { try client.send(get("/later?\(round)-\(index)")) }
                for (index, client) in clients.enumerated() {
                    #expect(try client.read().text == "/later?\(round)-\(index)")
                }
            }
            #expect(server.server.activeConnections == 200)
        }
    }

    @Test("when all workers are busy and the queue is full the answer is that of an overload, and the connection stays")
    func overload() throws {
        try withServer { configuration in
            configuration.workers = 1
            configuration.workerQueueLimit = 2
        } _: { server in
            let held = try server.connect()
            try held.send(get("/held"))
            #expect(eventually { server.service.working.current == 1 })
            let clients = try (0..<5).map { _ in try server.connect() }
            for client in clients { try client.send(get("/later?x")) }
            #expect(eventually { clients.count { !$0.hasNothingToRead } == 3 })
            let refused = clients.filter { !$0.hasNothingToRead }
            for client in refused {
                let answer = try client.read()
                #expect(answer.status == 503)
                #expect(answer.text == "overloaded")
                #expect(try client.ask(get("/echo")).status == 200)
            }
            server.service.latch.open()
            #expect(try held.read().text == "hello")
            for client in clients where !refused.contains(where: { $0 === client }) {
                #expect(try client.read().text == "/later?x")
            }
        }
    }

    @Test("those who wait for one thing leave half of the workers to the others, and are all answered in the end")
    func crowd() throws {
        try withServer { configuration in
            configuration.workers = 4
        } _: { server in
            let held = try (0..<6).map { _ in try server.connect() }
            for client in held { try client.send(get("/held?crowd")) }
            #expect(eventually { server.service.working.current == 2 })
            for index in 0..<20 {
                let other = try server.connect()
                try other.send(get("/later?\(index)"))
                #expect(try other.read().text == "/later?\(index)")
            }
            #expect(server.service.working.current == 2)
            server.service.latch.open()
            for client in held { #expect(try client.read().text == "hello") }
        }
    }

    @Test("a client that vanishes while a worker has his request is noticed when the worker is done")
    func vanishesMeanwhile() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(get("/held"))
            #expect(eventually { server.service.working.current == 1 })
            client.reset()
            server.service.latch.open()
            #expect(eventually { server.server.activeConnections == 0 })
            #expect(eventually { server.service.statesGone.current == 1 })
        }
    }

    @Test("event threads answer while all workers are busy")
    func eventThreadsGoOn() throws {
        try withServer { configuration in
            configuration.workers = 1
        } _: { server in
            let slow = try server.connect()
            try slow.send(get("/held"))
            #expect(eventually { server.service.working.current == 1 })
            for _ in 0..<8 {
                let client = try server.connect()
                try client.send(get("/echo"))
                #expect(try client.read().status == 200)
            }
            server.service.latch.open()
            #expect(try slow.read().status == 200)
        }
    }

    @Test("a finished job is let go although others still wait")
    func letsGoOfFinishedJobs() {
        let pool = WorkerPool(count: 1, queueLimit: 16)
        let gates = (0..<3).map { _ in Latch() }
        let isGone = Latch()
        let didRun = Latch()
        #expect(pool.submit { gates[0].wait() })
        let counter = Counter()
        func traced() {
            let tracer = TestService.Tracer {
                counter.add(1)
                isGone.open()
            }
            #expect(pool.submit { withExtendedLifetime(tracer) {} })
        }
        traced()
        #expect(
            pool.submit {
                didRun.open()
                gates[1].wait()
            }
        )
        #expect(pool.submit { gates[2].wait() })
        gates[0].open()
        didRun.wait()
        #expect(counter.current == 1, "the job before this one is done and still held by the queue")
        for gate in gates { gate.open() }
        pool.stop()
        isGone.wait()
    }

    @Test("a thread takes no signal of the process, but its own, whatever blocks who starts it")
    func signals() {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &before)
        let blocked = Locked<[Int32]>([])
        let thread = PlatformThread(name: "test") {
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            let found = (1...64).filter { sigismember(&mask, $0) == 1 }
            blocked.withLock { $0 = found }
        }
        thread.join()
        pthread_sigmask(SIG_SETMASK, &before, nil)
        let found = blocked.withLock { $0 }
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE] { #expect(found.contains(signal)) }
        for signal in [SIGBUS, SIGSEGV, SIGILL, 40] { #expect(!found.contains(signal)) }
    }

    @Test("a stopped pool does what was queued and takes no more")
    func stoppedPool() {
        let pool = WorkerPool(count: 3, queueLimit: 5_000)
        let done = Counter()
        for _ in 0..<3_000 { #expect(pool.submit { done.add(1) }) }
        pool.stop()
        #expect(done.current == 3_000)
        #expect(!pool.submit { done.add(1) })
    }
}

extension RawClient {
    /// Sends a request and reads its answer.
    func ask(_ request: String) throws -> RawResponse {
        try send(request)
        return try read()
    }
}
