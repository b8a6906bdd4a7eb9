import Glibc
import Locks
import MicroHTTP
import Synchronization

/// A gate that stays shut until a test opens it.
final class Latch: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isOpen = false

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    func open() {
        pthread_mutex_lock(mutex)
        isOpen = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    func wait() {
        pthread_mutex_lock(mutex)
        while !isOpen { pthread_cond_wait(changed, mutex) }
        pthread_mutex_unlock(mutex)
    }
}

/// Counts a streamed body and may say that it wants no more of it.
final class CountingSink: BodySink, Sendable {
    private struct State {
        var count = 0
        var pieces = 0
        var sum: UInt64 = 0
    }

    private let state = Locked(State())
    private let stopAfter: Int
    private let onDeinit: @Sendable () -> Void

    /// Calls `onDeinit` when it goes.
    init(stopAfter: Int, onDeinit: @escaping @Sendable () -> Void) {
        self.stopAfter = stopAfter
        self.onDeinit = onDeinit
    }

    deinit { onDeinit() }

    var count: Int { state.withLock { $0.count } }
    var pieces: Int { state.withLock { $0.pieces } }
    var sum: UInt64 { state.withLock { $0.sum } }

    func receive(_ piece: UnsafeRawBufferPointer) -> Bool {
        state.withLock { state in
            state.count += piece.count
            state.pieces += 1
            for byte in piece { state.sum &+= UInt64(byte) }
            return state.count < stopAfter
        }
    }
}

/// Things that happen, and the connections that wait for them.
final class Happening: Sendable {
    private struct State {
        var count = 0
        var isOver = false
        var isDeaf = false
        var wakers: [ObjectIdentifier: Waker] = [:]
        var sources = 0
    }

    private let state = Locked(State())

    var count: Int { state.withLock(\.count) }
    var isOver: Bool { state.withLock(\.isOver) }
    var waiting: Int { state.withLock(\.wakers.count) }
    /// How many bodies say what happens.
    var sources: Int { state.withLock(\.sources) }

    func add(_ waker: Waker) { state.withLock { $0.wakers[ObjectIdentifier(waker)] = waker } }
    func addSource(_ difference: Int) { state.withLock { $0.sources += difference } }

    /// Something happens.
    func announce() {
        let wakers = state.withLock { state in
            state.count += 1
            return Array(state.wakers.values)
        }
        for waker in wakers { waker.wake() }
    }

    /// Nothing happens any more, and whoever waits is told, unless nobody is to be.
    func end() {
        let wakers = state.withLock { state -> [Waker] in
            if state.isDeaf { return [] }
            state.isOver = true
            return Array(state.wakers.values)
        }
        for waker in wakers { waker.wake() }
    }

    /// From now on an end is told to nobody.
    func beDeaf() { state.withLock { $0.isDeaf = true } }

    /// Wakes all though nothing happened.
    func wakeAll() { for waker in state.withLock({ Array($0.wakers.values) }) { waker.wake() } }
}

/// A dot for each thing that happens.
private final class HappeningSource: LiveSource {
    private let happening: Happening
    private var told = 0

    init(_ happening: Happening) {
        self.happening = happening
        happening.addSource(1)
    }

    deinit { happening.addSource(-1) }

    func read(into target: UnsafeMutableRawBufferPointer) -> LivePiece {
        let count = min(happening.count - told, target.count)
        if count == 0 { return happening.isOver ? .end : .nothing }
        for index in 0..<count { target[index] = UInt8(ascii: ".") }
        told += count
        return .bytes(count)
    }
}

/// A service whose routes are the behaviours that the tests need.
///
/// | path | what |
/// |---|---|
/// | `/echo` | the collected body comes back, after a first line that says what was understood |
/// | `/refuse` | is refused with 403 |
/// | `/stream`, `/half` | the body goes to a sink, which under `/half` wants 1,000 bytes only |
/// | `/later` | a worker answers |
/// | `/held` | a worker answers once the latch is open |
/// | `/hold` | the event thread waits for the latch, and so do all of its connections |
/// | `/park`, `/park/later` | is answered when something happens beyond the query, asked on the event thread or on a worker |
/// | `/live` | a body that says each thing that happens |
/// | `/big` | 64 MiB |
/// | `/pinned` | bytes of an owner that is counted |
/// | `/length` | HEAD of 12,345 bytes |
/// | `/unchanged` | 304 |
/// | `/blank` | a field with nothing in it |
/// | other | `hello` |
final class TestService: Service {
    let latch = Latch()
    let happening = Happening()
    let admitted = Atomic(0)
    let answered = Atomic(0)
    let working = Atomic(0)
    let sinksGone = Atomic(0)
    let ownersGone = Atomic(0)
    let statesGone = Atomic(0)
    let seconds = Atomic(0)
    private let collectLimit: Int

    init(collectLimit: Int = 1 << 20) { self.collectLimit = collectLimit }

    /// Counts its own end.
    final class Tracer: Sendable {
        private let onDeinit: @Sendable () -> Void

        init(_ onDeinit: @escaping @Sendable () -> Void) { self.onDeinit = onDeinit }

        deinit { onDeinit() }
    }

    /// Memory that counts its own end.
    final class Owner {
        let bytes: UnsafeMutableRawBufferPointer
        private let onDeinit: () -> Void

        init(count: Int, onDeinit: @escaping () -> Void) {
            bytes = .allocate(byteCount: count, alignment: 8)
            bytes.initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "p"))
            self.onDeinit = onDeinit
        }

        deinit {
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            bytes.deallocate()
            onDeinit()
        }
    }

    func admit(_ exchange: Exchange) -> Admission {
        admitted.add(1, ordering: .sequentiallyConsistent)
        let path = String(decoding: exchange.path, as: UTF8.self)
        let tracer = Tracer { [self] in statesGone.add(1, ordering: .sequentiallyConsistent) }
        exchange.state = tracer
        switch path {
        case "/refuse": return .refuse(text(403, "refused"))
        case "/stream", "/half":
            let sink = CountingSink(stopAfter: path == "/half" ? 1_000 : .max) { [self] in
                withExtendedLifetime(tracer) { _ = sinksGone.add(1, ordering: .sequentiallyConsistent) }
            }
            exchange.state = sink
            return .stream(sink)
        default: return .collect(limit: collectLimit)
        }
    }

    func answer(_ exchange: Exchange, mayBlock: Bool) -> Answer {
        let path = String(decoding: exchange.path, as: UTF8.self)
        if !mayBlock, path.hasPrefix("/later") || path.hasPrefix("/held") || path == "/park/later" {
            if exchange.query != nil { exchange.crowd = path }
            return .later
        }
        if path == "/held" || path == "/hold" {
            working.add(1, ordering: .sequentiallyConsistent)
            latch.wait()
        }
        answered.add(1, ordering: .sequentiallyConsistent)
        if exchange.bodyIsTooLarge { return .now(text(413, "too large")) }
        switch path {
        case "/park", "/park/later":
            let seen = exchange.query.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
            happening.add(exchange.waker)
            return happening.count > seen || happening.isOver ? .now(text(200, "it happened")) : .parked
        case "/live":
            happening.add(exchange.waker)
            return .now(Response(status: 200, body: .live(HappeningSource(happening))))
        case "/echo": return .now(echo(exchange))
        case "/stream", "/half":
            guard let sink = exchange.state as? CountingSink else { return .now(text(500, "no sink")) }
            return .now(text(200, "\(sink.count) \(sink.sum)"))
        case "/big":
            let count = 64 << 20
            guard let memory = calloc(count, 1) else { return .now(text(500, "no memory")) }
            return .now(
                Response(status: 200, body: .allocated(UnsafeMutableRawBufferPointer(start: memory, count: count)))
            )
        case "/pinned":
            let owner = Owner(count: 1 << 20) { [self] in ownersGone.add(1, ordering: .sequentiallyConsistent) }
            return .now(Response(status: 200, body: .pinned(UnsafeRawBufferPointer(owner.bytes), owner: owner)))
        case "/length": return .now(Response(status: 200, body: .length(12_345)))
        case "/unchanged": return .now(Response(status: 304, headers: [("ETag", "\"1\"")]))
        case "/blank": return .now(Response(status: 204, headers: [("X-Blank", "")]))
        case "/later": return .now(text(200, String(decoding: exchange.rawTarget, as: UTF8.self)))
        default: return .now(text(200, "hello"))
        }
    }

    func stopping() { happening.end() }

    func everySecond() { seconds.add(1, ordering: .sequentiallyConsistent) }

    func refusal(_ reason: Refusal) -> Response {
        switch reason {
        case .malformed(let reason): text(400, reason)
        case .headerTooLarge: text(431, "header")
        case .unknownExpectation: text(417, "expectation")
        case .tooManyConnections: text(503, "connections")
        case .tooManyFromAddress: text(503, "address")
        case .noWorker: text(503, "overloaded")
        }
    }

    private func echo(_ exchange: Exchange) -> Response {
        let query = exchange.query.map { String(decoding: $0, as: UTF8.self) } ?? "-"
        let fields = exchange.headers("X-Tag").joined(separator: "|")
        let first = "\(exchange.methodName) \(String(decoding: exchange.rawTarget, as: UTF8.self)) \(query) \(fields)\n"
        return text(200, first + String(decoding: exchange.body, as: UTF8.self))
    }

    private func text(_ status: Int, _ text: String) -> Response {
        let count = text.utf8.count
        return Response(
            status: status,
            headers: [("Content-Type", "text/plain")],
            body: .allocated(UnsafeMutableRawBufferPointer(start: strdup(text), count: count))
        )
    }
}

extension Atomic<Int> {
    /// The value of now.
    var current: Int { load(ordering: .sequentiallyConsistent) }
}

/// A server on a free port with the test service behind it.
struct TestServer {
    let service: TestService
    let server: Server

    init(
        collectLimit: Int = 1 << 20,
        configure: (inout Server.Configuration) -> Void = { _ in }
    ) throws {
        service = TestService(collectLimit: collectLimit)
        guard let address = ListenAddress("127.0.0.1:0") else { throw ClientFailure(text: "no address") }
        var configuration = Server.Configuration(listen: [address], threads: 2)
        configuration.workers = 4
        configure(&configuration)
        server = Server(configuration: configuration, service: service) { _, _ in }
        try server.start()
    }

    func connect(from source: String? = nil, receiveBufferBytes: Int32? = nil) throws -> RawClient {
        try RawClient(port: server.port, from: source, receiveBufferBytes: receiveBufferBytes)
    }

    /// Stops it; what a test held is let go first.
    func stop() {
        service.latch.open()
        server.stop(drainSeconds: 20)
    }
}

/// Runs a test against a server that is stopped behind it.
func withServer(
    collectLimit: Int = 1 << 20,
    configure: (inout Server.Configuration) -> Void = { _ in },
    _ body: (TestServer) throws -> Void
) throws {
    let server = try TestServer(collectLimit: collectLimit, configure: configure)
    defer { server.stop() }
    try body(server)
}
