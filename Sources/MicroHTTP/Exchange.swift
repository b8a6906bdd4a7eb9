internal import CMicroHTTPD
internal import Glibc

/// One request and its answer; lives from the request line to the last byte out.
///
/// `@unchecked Sendable` because one thread at a time has it: the event thread of its connection or, while that is
/// suspended, a worker.
///
/// What each request touches most is not checked for exclusive access, which was a twentieth of all that we do for one:
/// it is loaded or stored at once, and nobody holds it `inout` while he calls something.
package final class Exchange: @unchecked Sendable {
    /// Where a request stands.
    enum Phase {
        /// Its header block is being read.
        case head
        /// Its body is being read.
        case body
        /// A worker has it.
        case working
        /// Nothing is to be answered yet; ``waker`` is waited for.
        case parked
        /// The worker is done and ``response`` waits to be queued.
        case answered
        /// The response was queued.
        case queued
    }

    /// The method.
    @exclusivity(unchecked) package private(set) var method = Method.other
    /// The method as it was spelled.
    @exclusivity(unchecked) package private(set) var methodName = ""
    /// The length that the header block announces; nil without one, and for chunked bodies.
    @exclusivity(unchecked) package var contentLength: UInt64?
    /// Whether the body comes in chunks, its length unknown.
    @exclusivity(unchecked) package internal(set) var isChunked = false
    /// Whether the client waits for a word before it sends its body.
    @exclusivity(unchecked) package var expectsContinue = false
    /// Whether a collected body outgrew its limit.
    @exclusivity(unchecked) package internal(set) var bodyIsTooLarge = false
    /// Whether the service said that a piece of the body is not to be taken.
    @exclusivity(unchecked) package private(set) var bodyIsUnwelcome = false
    /// Asked before each piece of the body; false drops it and the rest.
    @exclusivity(unchecked) package var mayTake: ((Int) -> Bool)?
    /// What this request may have to wait for together with others, if it needs a worker: those of one crowd never keep
    /// all workers waiting.
    package var crowd: String?
    /// When a worker was first asked for, by the monotonic clock; nil before that.
    var queuedNs: Int64?
    /// What it is called in its answer and in the log.
    @exclusivity(unchecked) package internal(set) var id = RequestID.next()
    /// Who asks, once that was made out; nil where nobody is asked who he is.
    @exclusivity(unchecked) package var principal: String?
    /// Bytes of the body that came.
    @exclusivity(unchecked) package internal(set) var receivedBytes = 0
    /// So long it waited for a writer or for memory; the service says so before it gives the answer.
    @exclusivity(unchecked) package var lockWaitNs: Int64 = 0
    /// When the header block was complete, and how long it was in the queue of the workers, by the precise clock.
    @exclusivity(unchecked) var beginNs: Int64 = 0
    @exclusivity(unchecked) var queueNs: Int64?
    /// What wakes its connection when that waits for something to happen.
    package var waker: Waker {
        if let knownWaker { return knownWaker }
        let made = Waker()
        knownWaker = made
        return made
    }
    /// Most requests never need one.
    private var knownWaker: Waker?
    /// Whether there is one.
    var hasWaker: Bool { knownWaker != nil }
    /// The service's own; released with the exchange.
    @exclusivity(unchecked) package var state: AnyObject?

    let connection: OpaquePointer
    let record: ConnectionRecord
    @exclusivity(unchecked) var phase = Phase.head
    var intake = Intake.drop
    /// How many bytes of the body nobody wanted.
    var dropped = 0
    @exclusivity(unchecked) var response: Response?
    /// libmicrohttpd's form of the answer that was queued, and where it goes when the exchange ends.
    var form: (form: OpaquePointer, home: AnswerForms)?
    private let target: UnsafeMutableRawBufferPointer
    @exclusivity(unchecked) private var collected: UnsafeMutableRawPointer?
    @exclusivity(unchecked) private var collectedCount = 0
    private var collectedCapacity = 0

    /// What becomes of the pieces of the body.
    enum Intake {
        case drop
        case collect(limit: Int)
        case stream(any BodySink)
    }

    /// Takes a copy of the raw request target, nothing decoded.
    init(connection: OpaquePointer, record: ConnectionRecord, target: UnsafePointer<CChar>) {
        self.connection = connection
        self.record = record
        let count = strlen(target)
        self.target = .allocate(byteCount: max(count, 1), alignment: 1)
        self.target.copyMemory(from: UnsafeRawBufferPointer(start: target, count: count))
        targetCount = count
        Self.live.add(1)
    }

    private let targetCount: Int

    deinit {
        target.deallocate()
        free(collected)
        response?.discard()
        if let (form, home) = form { home.giveBack(form) }
        Self.live.add(-1)
    }

    /// How many exchanges there are in the process.
    static let live = Counter()

    /// The whole request target as it came.
    package var rawTarget: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: target[..<targetCount]) }

    /// The path, without scheme and host should they have come, still percent-encoded; valid while the exchange is.
    ///
    /// A target in absolute form may have none; that is the path `/`.
    package var path: UnsafeRawBufferPointer { RequestTarget(rawTarget).path }

    /// What stands behind the `?`, still percent-encoded; nil without one.
    package var query: UnsafeRawBufferPointer? { RequestTarget(rawTarget).query }

    /// The host, perhaps with a port, of a target in absolute form; nil for others.
    package var authority: String? { RequestTarget(rawTarget).authority.map { String(decoding: $0, as: UTF8.self) } }

    /// The first value of a header field.
    package func header(_ name: StaticString) -> String? {
        var value: UnsafePointer<CChar>?
        var count = 0
        let found = name.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) {
                MHD_lookup_connection_value_n(connection, .HEADER_KIND, $0.baseAddress, $0.count, &value, &count)
            }
        }
        guard found == .YES, let value else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: value, count: count), as: UTF8.self)
    }

    /// All values of a header field that may come in several lines.
    package func headers(_ name: StaticString) -> [String] {
        guard header(name) != nil else { return [] }
        var wanted = HeaderLines(name: name)
        withUnsafeMutablePointer(to: &wanted) {
            _ = MHD_get_connection_values(connection, .HEADER_KIND, collectHeaderLines, $0)
        }
        return wanted.values
    }

    /// Since when it waits for a worker, by the monotonic clock; since now, if it never did.
    package func waitsSinceNs() -> Int64 { queuedNs ?? monotonicNs() }

    /// The collected body; valid while the exchange is.
    package var body: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: collected, count: collectedCount) }

    /// Lets go of the body and of the service's own: the answer is known, and may take long to be fetched.
    func releaseBody() {
        intake = .drop
        state = nil
        free(collected)
        collected = nil
        (collectedCount, collectedCapacity) = (0, 0)
    }

    /// Puts other bytes, from `malloc`, in the place of the collected ones, and owns them from then on.
    package func replaceBody(with bytes: UnsafeMutableRawBufferPointer) {
        free(collected)
        collected = bytes.baseAddress
        collectedCount = bytes.count
        collectedCapacity = bytes.count
    }

    /// Whether the client is on this machine, as far as its address tells.
    package var isFromLoopback: Bool { PeerAddress.isLoopback(cmicrohttpd_peer_address(connection)) }

    /// The threads that serve all connections, which a worker lets pass while it makes a long answer.
    package var eventThreads: EventThreads { record.server.eventThreads }

    /// The address of the client, as text.
    package var peer: String {
        if let peerUser { return "unix:uid=\(peerUser)" }
        return PeerAddress.text(cmicrohttpd_peer_address(connection))
    }

    /// The user at the other end, by the kernel's word; nil if the client did not come through a Unix-domain socket.
    package var peerUser: UInt32? {
        if case .user(let user) = record.peer { return user }
        return nil
    }

    /// Whether what is said on this connection is encrypted; then this process reads what it sends, and not the kernel.
    package var isSecure: Bool { record.loop.isSecure }

    /// The certificate that the client showed in TLS.
    package var clientCertificate: ClientCertificate { record.clientCertificate(of: connection) }

    func setMethod(_ name: UnsafePointer<CChar>) {
        methodName = String(cString: name)
        method = Method(rawValue: methodName) ?? .other
    }

    /// Takes a piece of the body to where it goes.
    func receive(_ piece: UnsafeRawBufferPointer) {
        if case .drop = intake {
        } else if let mayTake, !mayTake(piece.count) {
            bodyIsUnwelcome = true
            intake = .drop
        }
        switch intake {
        case .drop: dropped += piece.count
        case .stream(let sink): if !sink.receive(piece) { intake = .drop }
        case .collect(let limit):
            guard piece.count <= limit - collectedCount, append(piece) else {
                bodyIsTooLarge = true
                intake = .drop
                return
            }
        }
    }

    private func append(_ piece: UnsafeRawBufferPointer) -> Bool {
        guard let source = piece.baseAddress else { return true }
        let needed = collectedCount + piece.count
        if needed > collectedCapacity {
            let announced = Int(exactly: min(contentLength ?? 0, 1 << 20)) ?? 0
            let capacity = max(needed, collectedCapacity * 2, announced, 4_096)
            guard let larger = realloc(collected, capacity) else { return false }
            collected = larger
            collectedCapacity = capacity
        }
        guard let collected else { return false }
        memcpy(collected + collectedCount, source, piece.count)
        collectedCount = needed
        return true
    }
}

/// The lines of one header field, being gathered.
struct HeaderLines {
    let name: StaticString
    var values: [String] = []
}
