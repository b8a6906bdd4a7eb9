internal import Codings
package import MicroHTTP
internal import Segments

/// What becomes of a request whose header block has come, and of its body: who is let in, what is taken where, and how
/// much of it.
extension GatewayService {
    package func admit(_ exchange: Exchange) -> Admission {
        do {
            let origins = configuration.origins
            // No browser reaches a Unix-domain socket by itself.
            if configuration.isLocalOnly, exchange.peerUser == nil { try LocalGuard.check(exchange, origins) }
            if !origins.isEmpty, exchange.method == .options,
                let answer = try origins.answer(exchange, methods: try Route(path: exchange.path).methods)
            {
                return .refuse(finished(answer, exchange))
            }
            let pending = try pending(exchange)
            exchange.state = pending
            try pending.read(exchange, access, catalog.targets)
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
            if case .segment(let name) = pending.route, exchange.method == .put {
                try SegmentCreation.checkName(exchange, name, pending, catalog)
                try SegmentCreation.checkRoom(exchange, for: name, pending, catalog)
            }
            try reserveUpload(exchange, pending)
            if case .zarr(let name, let path) = pending.route, exchange.method == .put {
                return try admitChunk(exchange, pending, name, path)
            }
            guard case .data(let name, let path) = pending.route, exchange.method == .patch else {
                return .collect(limit: limit)
            }
            // Of a short body nothing is told before it has come, and its segment is looked at then.
            if let length = exchange.contentLength, length <= Self.stagedFrom, !exchange.expectsContinue,
                pending.coding == nil, let format = try? Format.body(exchange.header("Content-Type"))
            {
                pending.bodyFormat = format
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
            let sink = try StagingSink(for: segment, limit: limit, expecting: exchange.contentLength)
            pending.sink = sink
            return .stream(sink)
        } catch {
            return .refuse(finished(Problem(error).response, exchange))
        }
    }

    /// The request with its route.
    ///
    /// Where there is none, that is told only to whom a token lets in.
    private func pending(_ exchange: Exchange) throws -> PendingRequest {
        do {
            return try PendingRequest(exchange, catalog.targets)
        } catch {
            _ = try access.admit(exchange)
            throw error
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
        let sink = try StagingSink(for: segment, limit: mostBytes(to: pending.route), expecting: exchange.contentLength)
        pending.sink = sink
        return .stream(sink)
    }

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

    /// The body has come: refuses what went wrong with it, and unpacks it.
    func finishBody(of exchange: Exchange, _ pending: PendingRequest, _ context: RequestContext) throws {
        try pending.renew(exchange, access)
        try pending.sink?.check()
        if exchange.bodyIsTooLarge { throw tooLarge(mostBytes(to: pending.route)) }
        if exchange.bodyIsUnwelcome { throw uploadProblem }
        try unpack(exchange, pending, context)
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
}
