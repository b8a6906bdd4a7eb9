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
        /// How much segments may take.
        package var limits: [SegmentLimit]
        /// Whether it looks after the segments while it runs: gives pinned ones their names back, ends those whose time is
        /// over.
        package var isKeeper: Bool

        /// Settings as given.
        package init(
            mode: UInt32 = 0o600,
            maxBodyBytes: Int = 1 << 30,
            snapshotMemoryBytes: Int = 1 << 30,
            uploadMemoryBytes: Int = 1 << 30,
            isLocalOnly: Bool = true,
            compression: Compression = Compression(),
            origins: AllowedOrigins = .none,
            limits: [SegmentLimit] = [],
            isKeeper: Bool = true
        ) {
            self.isKeeper = isKeeper
            self.limits = limits
            self.mode = mode
            self.maxBodyBytes = maxBodyBytes
            self.snapshotMemoryBytes = snapshotMemoryBytes
            self.uploadMemoryBytes = uploadMemoryBytes
            self.isLocalOnly = isLocalOnly
            self.compression = compression
            self.origins = origins
        }
    }

    let configuration: Configuration
    let access: AccessControl
    let catalog: Catalog
    private let sweeper: ExpirySweeper?
    let hub: EventHub
    private let layouts: LayoutStore
    let pool: SnapshotPool
    let uploads: MemoryBudget
    let metrics = RequestMetrics()
    let events: EventLog
    private let isReady = Atomic(true)

    /// A gateway over the segments of a directory.
    ///
    /// The layouts of the user's own are read here; they live below the directory, or below another one. Pinned
    /// segments that lost their names while no gateway ran have them again when this returns, so that a sweep knows
    /// them.
    package init(
        directory: SegmentDirectory,
        configuration: Configuration = Configuration(),
        access: AccessControl = .open,
        stateDirectory: String? = nil,
        events: EventLog = .silent,
        log: @escaping @Sendable (Server.LogLevel, String) -> Void = { _, _ in }
    ) throws {
        self.configuration = configuration
        self.access = access
        self.events = events
        pool = SnapshotPool(limit: configuration.snapshotMemoryBytes)
        uploads = MemoryBudget(limit: configuration.uploadMemoryBytes)
        try directory.privateFolder.check()
        // A command that works on the directory itself ends too soon to use a file again.
        if configuration.isKeeper { try directory.keepStagingSpares(mostBytes: 16 << 20) }
        let limits = configuration.limits
        catalog = Catalog(
            directory,
            pins: configuration.isKeeper ? try PinKeeper(directory, events, log: log) : nil,
            budget: limits.isEmpty ? nil : try SegmentBudget(directory, limits: limits)
        )
        if let failure = catalog.budget?.failure {
            log(.warning, "each creation looks at all segments, for the kernel does not watch their names: \(failure)")
        }
        sweeper = configuration.isKeeper ? try ExpirySweeper(catalog, events, log: log) : nil
        hub = EventHub(catalog, log: log)
        layouts = try LayoutStore(PrivateFolder(below: stateDirectory ?? directory.path))
    }

    deinit { hub.stop() }

    /// From now on `/readyz` answers 503, so that whoever balances load looks elsewhere.
    ///
    /// No segment expires any more: its time is over for the next gateway too.
    package func drain() {
        isReady.store(false, ordering: .relaxed)
        sweeper?.stop()
    }

    /// Nothing is answered any more: what was kept for the next writes goes.
    package func finish() { catalog.directory.endStagingSpares() }

    package func everySecond() {
        pool.trim()
        catalog.directory.dropStagingSpares(idleForSeconds: 2)
        HeapPages.giveBack()
        catalog.tidy()
        hub.tidy()
    }

    package func stopping() { hub.drain() }

    /// The answer with what every answer says.
    func finished(_ response: Response, _ exchange: Exchange) -> Response {
        var response = response
        configuration.origins.apply(to: &response, exchange)
        return response
    }

    package func answer(_ exchange: Exchange, mayBlock: Bool) -> Answer {
        let context = RequestContext(exchange: exchange, mayBlock: mayBlock)
        let waitedNs = mayBlock ? Waits.ofThisThreadNs : 0
        defer { if mayBlock { exchange.lockWaitNs += Waits.ofThisThreadNs - waitedNs } }
        let response: Response
        let outcome: Outcome
        if mayBlock {
            let eventThreads = exchange.eventThreads
            outcome = LongWork.run(pausing: { eventThreads.letPass() }, { self.outcome(of: exchange, context) })
        } else {
            outcome = self.outcome(of: exchange, context)
        }
        switch outcome {
        case .response(let made): response = made
        case .later:
            exchange.crowd = (exchange.state as? PendingRequest)?.route.crowd
            return .later
        case .parked: return .parked
        }
        // Whoever has the answer may send the next body: the room of this one is free by then.
        exchange.mayTake = nil
        (exchange.state as? PendingRequest)?.upload = nil
        return .now(finished(configuration.compression.apply(to: response, exchange, pool.budget), exchange))
    }

    /// What became of a request.
    private enum Outcome {
        case response(Response)
        /// It needs a worker.
        case later
        /// It waits for something to happen.
        case parked
    }

    private func outcome(of exchange: Exchange, _ context: RequestContext) -> Outcome {
        var attemptsLeft = 8
        while true {
            do {
                return .response(try respond(to: exchange, context))
            } catch is Deferral {
                return .later
            } catch is Parking {
                return .parked
            } catch {
                switch (error as? LocatedError)?.cause ?? error {
                case SegmentError.busy where !context.mayBlock: return .later
                case SegmentError.replaced where attemptsLeft > 0:
                    attemptsLeft -= 1  // the name was given to another segment meanwhile: start again by name
                default: return .response(Problem(error).response)
                }
            }
        }
    }

    package func answered(_ exchange: Exchange, _ response: Response, _ timing: Timing) {
        let pending = exchange.state as? PendingRequest
        metrics.count(pending?.route.kind ?? .none, exchange.method, status: response.status, ns: timing.totalNs ?? 0)
        events.answered(exchange, pending, response, timing)
    }

    package func refusal(_ reason: Refusal) -> Response { Problem(reason).response }

    private func respond(to exchange: Exchange, _ context: RequestContext) throws -> Response {
        guard let pending = exchange.state as? PendingRequest else {
            preconditionFailure("a request that was admitted has its state")
        }
        try finishBody(of: exchange, pending, context)
        let segments = SegmentRoutes(catalog: catalog)
        let query = pending.query
        switch (pending.route, exchange.method) {
        case (.liveness, _): return Self.status("ok", 200)
        case (.readiness, _):
            let isReady = isReady.load(ordering: .relaxed)
            return Self.status(isReady ? "ok" : "draining", isReady ? 200 : 503)
        case (.metrics, _): return try metricsRoute.answer(query, context)
        case (.description, _): return OpenAPIDocument.response
        case (.root, _): return try ConsoleRoutes.root(query, context)
        case (.console(let asset), _): return try ConsoleRoutes.file(asset, query, context)
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
            let reading = DataReading(catalog: catalog, pool: pool, longPoll: LongPoll(hub: hub))
            return try reading.read(name, path: path, query, context)
        case (.stats(let name, let path), _):
            return try StatsReading(reading: DataReading(catalog: catalog, pool: pool))
                .read(name, path: path, query, context)
        case (.segmentEvents(let name), _):
            let reading = DataReading(catalog: catalog, pool: pool)
            return try EventRoutes(reading: reading, hub: hub, access: access).watch(name, query, context)
        case (.events, _):
            let reading = DataReading(catalog: catalog, pool: pool)
            return try EventRoutes(reading: reading, hub: hub, access: access).watchAll(query, context)
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

    var writing: DataWriting {
        DataWriting(catalog: catalog, maxBodyBytes: configuration.maxBodyBytes, budget: pool.budget)
    }

    private var metricsRoute: MetricsRoute {
        MetricsRoute(catalog: catalog, requests: metrics, snapshots: pool.budget, uploads: uploads, events: hub)
    }

    private var creation: SegmentCreation {
        SegmentCreation(
            catalog: catalog,
            registry: layouts.registry,
            defaultMode: configuration.mode,
            maxBodyBytes: configuration.maxBodyBytes,
            budget: pool.budget
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
