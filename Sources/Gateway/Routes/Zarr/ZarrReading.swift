internal import Documents
internal import Glibc
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// A key of a segment's Zarr hierarchy, found.
struct ZarrTarget {
    let open: OpenSegment
    let key: ZarrKey

    /// Finds what a key leads to; an absent key is 404 and nothing else, for stores rely on that.
    init(
        _ catalog: Catalog,
        _ name: SegmentName,
        _ path: [String],
        _ query: Query,
        _ context: RequestContext
    ) throws {
        try query.finish()
        open = try catalog.segment(name, mayBlock: context.mayBlock)
        guard let key = try open.hierarchy(context).resolve(path[...]) else {
            throw Problem(
                .noSuchMember,
                "the Zarr hierarchy of \(name) has no key \"\(path.joined(separator: "/").prefix(200))\""
            )
        }
        if case .inexpressible(let reason) = key { throw Problem(.notAcceptable, reason) }
        self.key = key
    }
}

/// `GET` and `HEAD` below `/zarr/{name}`.
///
/// A chunk is one run of the segment's bytes, so the way of a byte is that of a raw slice: mapping → private copy under
/// the sequence → socket. Only padding is made.
struct ZarrReading {
    let catalog: Catalog
    let pool: SnapshotPool

    func read(_ name: SegmentName, _ path: [String], _ query: Query, _ context: RequestContext) throws -> Response {
        let target = try ZarrTarget(catalog, name, path, query, context)
        let exchange = context.exchange
        if case .index(let node) = target.key {
            if case .group(let group) = node { try context.leaveEventThread(for: group.children.count * 256) }
            return ZarrIndex(node, name: name, path: path.filter { !$0.isEmpty }).response
        }
        let match = try TagCondition(exchange.headers("If-Match"), allowsWeak: false)
        if let match, !match.matches(try target.open.tag()) {
            throw Problem(.preconditionFailed, "expected a segment that If-Match names, its tag is another one now")
        }
        let vitals = try target.open.segment.vitals()
        if let condition = try TagCondition(exchange.headers("If-None-Match"), allowsWeak: true),
            vitals.sequence & 1 == 0, let tag = condition.match(target.open.tag(vitals.sequence).text())
        {
            return Response(status: 304, headers: [("ETag", tag)] + Self.cacheFields)
        }
        switch target.key {
        case .document(let node, let document): return try self.document(node, document, target.open, context)
        case .chunk(let array, let chunk, let version):
            return try answer(ZarrChunkBytes(array, chunk, version, target.open), context)
        case .index, .inexpressible: preconditionFailure("these were answered before")
        }
    }

    /// A node of the hierarchy takes about so many bytes of metadata.
    private static let bytesOfNode = 640

    private func document(
        _ node: ZarrNode,
        _ document: ZarrDocument,
        _ open: OpenSegment,
        _ context: RequestContext
    ) throws -> Response {
        let size = node.weight.multipliedClamped(by: Self.bytesOfNode)
        try context.leaveEventThread(for: size)
        let reservation = try pool.budget.require(size, until: context.deadline)
        var json = JSONWriter(capacity: 1_024)
        node.write(document, to: &json)
        let fields = Self.cacheFields + [("ETag", try open.tag().text())]
        return .json(json.finish(), headers: fields, countedBy: reservation)
    }

    private func answer(_ bytes: ZarrChunkBytes, _ context: RequestContext) throws -> Response {
        let exchange = context.exchange
        let total = bytes.count
        if exchange.method == .head {
            let snapshot = bytes.isFixed ? nil : try bytes.open.segment.snapshot([], until: context.deadline)
            return Response(status: 200, headers: try fields(bytes, snapshot), body: .length(UInt64(total)))
        }
        if let asked = ByteRange(exchange) {
            if let range = asked.resolve(total) {
                var (body, fields) = try make(bytes, range, context)
                if asked.applies(to: fields.value(of: "ETag") ?? "") {
                    fields.append(DataReading.contentRange(range, total))
                    return Response(status: 206, headers: fields, body: body)
                }
                body.discard()
            } else if asked.applies(to: try bytes.open.tag().text()) {
                throw DataReading.unsatisfiable(total)
            }
        }
        let (body, fields) = try make(bytes, 0..<total, context)
        return Response(status: 200, headers: fields, body: body)
    }

    /// A run of the bytes of a chunk, and the fields that say of which state it is.
    private func make(
        _ bytes: ZarrChunkBytes,
        _ range: Range<Int>,
        _ context: RequestContext
    ) throws -> (Response.Body, [(StaticString, String)]) {
        let needed = range.count.addingClamped(bytes.scratchByteCount)
        try context.leaveEventThread(for: needed)
        let reservation = try pool.budget.require(needed, until: context.deadline)
        let copy = try PrivateCopy(prefix: [], byteCount: range.count, pool: pool, reservation)
        let snapshot = try bytes.copy(range, into: copy.data, until: context.deadline)
        return (copy.body(), try fields(bytes, snapshot))
    }

    private func fields(_ bytes: ZarrChunkBytes, _ snapshot: Snapshot?) throws -> [(StaticString, String)] {
        let tag = try snapshot.map { bytes.open.tag($0.sequence) } ?? bytes.open.tag()
        var fields: [(StaticString, String)] = [("Content-Type", "application/octet-stream"), ("ETag", tag.text())]
        if snapshot?.isDamaged == true { fields.append(("Shm-Damaged", "1")) }
        return fields + [("Accept-Ranges", "bytes")] + Self.cacheFields
    }

    static let cacheFields: [(StaticString, String)] = [("Vary", "Accept-Encoding"), ("Cache-Control", "no-cache")]
}
