internal import Codings
internal import Glibc
package import MicroHTTP
package import Segments
internal import Synchronization

/// The gateway: turns requests into segments and segments into answers.
package final class GatewayService: Service {
    /// What an operator sets.
    package struct Configuration: Sendable {
        /// Permission bits of new segments.
        package var mode: UInt32
        /// The most bytes of a body.
        package var maxBodyBytes: Int
        /// The most bytes of copies and texts that are made for answers at once.
        package var snapshotMemoryBytes: Int
        /// The most bytes of bodies that come in at once.
        package var uploadMemoryBytes: Int
        /// Whether requests have to name this machine by one of its own names; for listening on loopback.
        package var isLocalOnly: Bool
        /// When answers are packed.
        package var compression: Compression
        /// Which web pages of other origins may read answers.
        package var origins: AllowedOrigins

        /// Settings as given.
        package init(
            mode: UInt32 = 0o600,
            maxBodyBytes: Int = 1 << 30,
            snapshotMemoryBytes: Int = 1 << 30,
            uploadMemoryBytes: Int = 1 << 30,
            isLocalOnly: Bool = true,
            compression: Compression = Compression(),
            origins: AllowedOrigins = .none
        ) {
            self.mode = mode
            self.maxBodyBytes = maxBodyBytes
            self.snapshotMemoryBytes = snapshotMemoryBytes
            self.uploadMemoryBytes = uploadMemoryBytes
            self.isLocalOnly = isLocalOnly
            self.compression = compression
            self.origins = origins
        }
    }

    private let configuration: Configuration
    private let catalog: Catalog
    private let layouts: LayoutStore
    private let pool: SnapshotPool
    private let uploads: MemoryBudget
    private let isReady = Atomic(true)

    /// A gateway over the segments of a directory.
    ///
    /// The layouts of the user's own are read here; they live below the directory, or below another one. Pinned
    /// segments that lost their names while no gateway ran have them again when this returns, so that a sweep knows
    /// them.
    package init(
        directory: SegmentDirectory,
        configuration: Configuration = Configuration(),
        stateDirectory: String? = nil,
        log: @escaping @Sendable (Server.LogLevel, String) -> Void = { _, _ in }
    ) throws {
        self.configuration = configuration
        pool = SnapshotPool(limit: configuration.snapshotMemoryBytes)
        uploads = MemoryBudget(limit: configuration.uploadMemoryBytes)
        try directory.privateFolder.check()
        catalog = Catalog(directory, pins: try PinKeeper(directory, log: log))
        layouts = try LayoutStore(PrivateFolder(below: stateDirectory ?? directory.path))
    }

    /// From now on `/readyz` answers 503, so that whoever balances load looks elsewhere.
    package func drain() { isReady.store(false, ordering: .relaxed) }

    package func everySecond() {
        pool.trim()
        catalog.tidy()
    }

    package func admit(_ exchange: Exchange) -> Admission {
        do {
            let origins = configuration.origins
            if configuration.isLocalOnly { try LocalGuard.check(exchange, origins) }
            if !origins.isEmpty, exchange.method == .options,
                let answer = origins.answer(exchange, methods: try Route(path: exchange.path).methods)
            {
                return .refuse(finished(answer, exchange))
            }
            let pending = try PendingRequest(exchange)
            exchange.state = pending
            let limit = mostBytes(to: pending.route)
            if let length = exchange.contentLength, length > UInt64(limit) { throw tooLarge(limit) }
            if case .segments = pending.route, exchange.method == .post { try SegmentCreation.check(exchange) }
            if case .reads = pending.route {
                try SegmentCreation.check(exchange)
                try SeveralReads.check(exchange)
            }
            if case .writes = pending.route {
                try SegmentCreation.check(exchange)
                try SeveralWrites.check(exchange)
            }
            if case .segment = pending.route, exchange.method == .put { try SegmentCreation.checkPut(exchange) }
            if case .segment = pending.route, exchange.method == .patch { try SegmentPatch.check(exchange) }
            if [.post, .put, .patch].contains(exchange.method) { pending.coding = try BodyCoding.read(exchange) }
            try reserveUpload(exchange, pending)
            if case .zarr(let name, let path) = pending.route, exchange.method == .put {
                return try admitChunk(exchange, pending, name, path)
            }
            guard case .data(let name, let path) = pending.route, exchange.method == .patch else {
                return .collect(limit: limit)
            }
            let segment = try catalog.segment(name).segment
            let format = try Format.body(exchange.header("Content-Type"))
            pending.bodyFormat = format
            if exchange.expectsContinue || exchange.contentLength ?? 0 > Self.stagedFrom {
                let context = RequestContext(exchange: exchange, mayBlock: false)
                let length = pending.coding == nil ? exchange.contentLength : nil
                try writing.check(name, path: path, pending.query, format, length, context)
            }
            guard format.isPacked, pending.coding == nil, exchange.contentLength.map({ $0 > Self.stagedFrom }) ?? true
            else {
                return .collect(limit: limit)
            }
            let sink = try StagingSink(for: segment, limit: limit)
            pending.sink = sink
            return .stream(sink)
        } catch {
            return .refuse(finished(Problem(error).response, exchange))
        }
    }

    /// Takes what is put below `/zarr`: chunks as raw bodies are taken, metadata in memory.
    private func admitChunk(
        _ exchange: Exchange,
        _ pending: PendingRequest,
        _ name: SegmentName,
        _ path: [String]
    ) throws -> Admission {
        let context = RequestContext(exchange: exchange, mayBlock: false)
        pending.bodyFormat = .raw
        guard pending.coding == nil,
            exchange.expectsContinue || exchange.contentLength.map({ $0 > Self.stagedFrom }) ?? true,
            let segment = try ZarrWriting(catalog: catalog, pool: pool).check(name, path, pending.query, context)
        else { return .collect(limit: mostBytes(to: pending.route)) }
        let sink = try StagingSink(for: segment, limit: mostBytes(to: pending.route))
        pending.sink = sink
        return .stream(sink)
    }

    /// The answer with what every answer says.
    private func finished(_ response: Response, _ exchange: Exchange) -> Response {
        var response = response
        configuration.origins.apply(to: &response, exchange)
        return response
    }

    package func answer(_ exchange: Exchange, mayBlock: Bool) -> Answer {
        let context = RequestContext(exchange: exchange, mayBlock: mayBlock)
        guard let response = response(to: exchange, context) else {
            exchange.crowd = (exchange.state as? PendingRequest)?.route.crowd
            return .later
        }
        // Whoever has the answer may send the next body: the room of this one is free by then.
        exchange.mayTake = nil
        (exchange.state as? PendingRequest)?.upload = nil
        return .now(finished(configuration.compression.apply(to: response, exchange, pool.budget), exchange))
    }

    /// The answer; nil if it needs a worker.
    private func response(to exchange: Exchange, _ context: RequestContext) -> Response? {
        var attemptsLeft = 8
        while true {
            do {
                return try respond(to: exchange, context)
            } catch is Deferral {
                return nil
            } catch {
                switch (error as? LocatedError)?.cause ?? error {
                case SegmentError.busy where !context.mayBlock: return nil
                case SegmentError.replaced where attemptsLeft > 0:
                    attemptsLeft -= 1  // the name was given to another segment meanwhile: start again by name
                default: return Problem(error).response
                }
            }
        }
    }

    package func refusal(_ reason: Refusal) -> Response { Problem(reason).response }

    /// Takes room for the body piece by piece as it comes; a small one needs none.
    ///
    /// What a client only announces costs nothing, so that announcements cannot keep others out.
    private func reserveUpload(_ exchange: Exchange, _ pending: PendingRequest) throws {
        let length = exchange.contentLength ?? 0
        guard length > Self.freeUploadBytes || exchange.isChunked || pending.coding != nil else { return }
        if length > UInt64(max(uploads.limit - uploads.usedBytes, 0)) { throw uploadProblem }
        guard let reservation = uploads.reserve(0, until: .immediate) else { throw uploadProblem }
        pending.upload = reservation
        let limit = mostBytes(to: pending.route)
        // A body that outgrows its limit is told that, and not to come again later.
        exchange.mayTake = { reservation.byteCount + $0 > limit || reservation.grow(by: $0) }
    }

    /// Bodies of a known length up to here are not counted.
    private static let freeUploadBytes: UInt64 = 64 << 10

    private var uploadProblem: Problem {
        Problem(
            .busy,
            "expected room for the body, \(uploads.usedBytes) of the \(uploads.limit) bytes for bodies are in use"
        )
    }

    /// The most bytes of a body; what only says what to read needs few.
    private func mostBytes(to route: Route) -> Int {
        // A body that has all the memory for bodies to itself is as large as one can be.
        let most = min(configuration.maxBodyBytes, uploads.limit)
        if case .reads = route { return min(most, SeveralReads.mostBodyBytes) }
        return most
    }

    private func tooLarge(_ limit: Int) -> Problem {
        Problem(.tooLarge, "expected a body of at most \(limit) bytes, got more")
    }

    /// Bodies up to here are kept in memory: most of them fit into the journal of the control page.
    private static let stagedFrom: UInt64 = 4_096

    private func respond(to exchange: Exchange, _ context: RequestContext) throws -> Response {
        guard let pending = exchange.state as? PendingRequest else {
            preconditionFailure("a request that was admitted has its state")
        }
        try pending.sink?.check()
        if exchange.bodyIsTooLarge { throw tooLarge(mostBytes(to: pending.route)) }
        if exchange.bodyIsUnwelcome { throw uploadProblem }
        try unpack(exchange, pending, context)
        let segments = SegmentRoutes(catalog: catalog)
        let query = pending.query
        switch (pending.route, exchange.method) {
        case (.liveness, _): return Self.status("ok", 200)
        case (.readiness, _):
            let isReady = isReady.load(ordering: .relaxed)
            return Self.status(isReady ? "ok" : "draining", isReady ? 200 : 503)
        case (.description, _): return OpenAPIDocument.response
        case (.segments, .post):
            return try creation.create(query, context)
        case (.segments, _): return try segments.list(query, context)
        case (.segment(let name), .put): return try creation.put(name, query, context)
        case (.segment(let name), .patch):
            return try segments.change(name, query, context, defaultMode: configuration.mode)
        case (.segment(let name), .delete): return try segments.unlink(name, query, context)
        case (.segment(let name), _): return try segments.describe(name, query, context)
        case (.repair(let name), _): return try segments.repair(name, query, context)
        case (.data(let name, let path), .patch):
            let body = pending.body(of: exchange)
            return try writing.write(name, path: path, query, body, context)
        case (.data(let name, let path), _):
            return try DataReading(catalog: catalog, pool: pool).read(name, path: path, query, context)
        case (.reads, _):
            return try SeveralReads(reading: DataReading(catalog: catalog, pool: pool)).answer(query, context)
        case (.writes, _): return try SeveralWrites(catalog: catalog, budget: pool.budget).write(query, context)
        case (.zarr(let name, let path), .put):
            let body = pending.body(of: exchange)
            return try ZarrWriting(catalog: catalog, pool: pool).put(name, path, query, body, context)
        case (.zarr(let name, let path), .delete):
            return try ZarrWriting(catalog: catalog, pool: pool).erase(name, path, query, context)
        case (.zarr(let name, let path), _):
            return try ZarrReading(catalog: catalog, pool: pool).read(name, path, query, context)
        case (.layouts, _): return try LayoutRoutes(store: layouts).list(query)
        case (.layout(let kind), .put): return try LayoutRoutes(store: layouts).put(kind, query, context)
        case (.layout(let kind), .delete): return try LayoutRoutes(store: layouts).remove(kind, query, context)
        case (.layout(let kind), _): return try LayoutRoutes(store: layouts).show(kind, query)
        }
    }

    /// Unpacks the body, once, on a worker: few bytes may become many.
    private func unpack(_ exchange: Exchange, _ pending: PendingRequest, _ context: RequestContext) throws {
        guard let coding = pending.coding, !exchange.body.isEmpty || pending.route.takesBody else { return }
        if !context.mayBlock { throw Deferral() }
        try BodyCoding.unpack(exchange, coding, limit: mostBytes(to: pending.route)) { more in
            pending.upload?.grow(by: more) ?? true
        }
        pending.coding = nil
    }

    private var writing: DataWriting {
        DataWriting(catalog: catalog, maxBodyBytes: configuration.maxBodyBytes, budget: pool.budget)
    }

    private var creation: SegmentCreation {
        SegmentCreation(
            catalog: catalog,
            registry: layouts.registry,
            defaultMode: configuration.mode,
            maxBodyBytes: configuration.maxBodyBytes
        )
    }

    private static func status(_ word: String, _ status: Int) -> Response {
        let body = "{\"status\":\"\(word)\"}"
        let bytes = UnsafeMutableRawBufferPointer(start: strdup(body), count: body.utf8.count)
        return Response(
            status: status,
            headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            body: .allocated(bytes)
        )
    }
}

/// What is known of a request before its body has come.
///
/// `@unchecked Sendable` because a request is worked on by one thread at a time.
private final class PendingRequest: @unchecked Sendable {
    let route: Route
    let query: Query
    var bodyFormat: Format?
    /// How its body is packed, until it is not any more.
    var coding: Coding?
    var sink: StagingSink?
    /// What its body takes of the budget for bodies.
    var upload: MemoryReservation?

    /// The body, wherever it was taken.
    func body(of exchange: Exchange) -> RequestBody {
        RequestBody(place: sink.map { .staged($0) } ?? .memory(exchange), format: bodyFormat ?? .json)
    }

    /// Reads the target and checks the method.
    init(_ exchange: Exchange) throws {
        route = try Route(path: exchange.path)
        try route.check(exchange.method, named: exchange.methodName)
        query = try Query(exchange.query)
    }
}
