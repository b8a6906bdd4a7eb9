internal import Documents
internal import Glibc
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// `PUT` and `DELETE` below `/zarr/{name}`.
///
/// A chunk is written as a raw PATCH of its run is: journal, lock, data. Labels and metadata never change; to put what
/// stands there already is no change, and libraries do it.
struct ZarrWriting {
    let catalog: Catalog
    let pool: SnapshotPool

    func put(
        _ name: SegmentName,
        _ path: [String],
        _ query: Query,
        _ body: RequestBody,
        _ context: RequestContext
    ) throws -> Response {
        let target = try ZarrTarget(catalog, name, path, query, context)
        let condition = try WriteCondition(context.exchange)
        try context.leaveEventThread(for: body.count)
        if !condition.isEmpty { try condition.check(target.open.tag()) }
        switch target.key {
        case .document(let node, let document):
            try requireSame(node, document, body, context)
            return try Self.unchanged(target)
        case .chunk(let array, let chunk, let version):
            try Self.requireCount(body.count, array)
            let bytes = ZarrChunkBytes(array, chunk, version, target.open)
            guard let place = bytes.place else {
                try requireSame(bytes, context) { try body.copy(from: 0, into: $0) }
                return try Self.unchanged(target)
            }
            try BinaryBody(body).requireValues(of: array.type.stored, in: 0..<bytes.ownCount)
            let source = try body.source(0..<bytes.ownCount)
            return try commit(source, place.region, bytes.coversWhole, target.open, condition, context)
        case .index, .inexpressible: throw Self.notAllowed("expected the key of a chunk to write to", "GET, HEAD")
        }
    }

    /// Writes the fill value into a chunk, which then reads as if it were absent.
    func erase(_ name: SegmentName, _ path: [String], _ query: Query, _ context: RequestContext) throws -> Response {
        let target = try ZarrTarget(catalog, name, path, query, context)
        let condition = try WriteCondition(context.exchange)
        if !condition.isEmpty { try condition.check(target.open.tag()) }
        guard case .chunk(let array, let chunk, let version) = target.key else {
            throw Self.notAllowed("expected the key of a chunk, for nothing else can be erased", "GET, HEAD, PUT")
        }
        let bytes = ZarrChunkBytes(array, chunk, version, target.open)
        try context.leaveEventThread(for: bytes.ownCount)
        guard let place = bytes.place else {
            try requireSame(bytes, context) { bytes.fillOwn($0) }
            return try Self.unchanged(target)
        }
        let room = try WriteRoom(pool.budget, for: bytes.ownCount, until: context.deadline)
        defer { withExtendedLifetime(room) {} }
        guard let memory = malloc(max(bytes.ownCount, 1)) else {
            throw Problem(.busy, "no memory for a chunk of \(bytes.ownCount) bytes")
        }
        let fill = UnsafeMutableRawBufferPointer(start: memory, count: bytes.ownCount)
        bytes.fillOwn(fill)
        let source = ByteSource(UnsafeRawBufferPointer(fill)) { free(memory) }
        return try commit(source, place.region, bytes.coversWhole, target.open, condition, context)
    }

    /// Refuses what can be refused before a long body has come; gives the segment whose chunk the body is for.
    func check(
        _ name: SegmentName,
        _ path: [String],
        _ query: Query,
        _ context: RequestContext
    ) throws -> Segment? {
        let target: ZarrTarget
        do {
            target = try ZarrTarget(catalog, name, path, query, context)
        } catch is Deferral {
            return nil  // The hierarchy has to be made first, which is no work for this thread.
        }
        guard case .chunk(let array, _, _) = target.key else { return nil }
        let condition = try WriteCondition(context.exchange)
        if !condition.isEmpty { try condition.check(target.open.tag()) }
        if let length = context.exchange.contentLength { try Self.requireCount(Int(clamping: length), array) }
        if array.isReadOnly { return nil }
        try target.open.segment.requireWritable()
        return target.open.segment
    }

    private func commit(
        _ source: ByteSource,
        _ region: Region,
        _ coversWhole: Bool,
        _ open: OpenSegment,
        _ condition: WriteCondition,
        _ context: RequestContext
    ) throws -> Response {
        let write = try PreparedWrite(to: open.segment, regions: [region], bytes: source, coversWhole: coversWhole)
        let sequence = try open.commit(write, if: condition, until: context.deadline)
        return Response(status: 204, headers: [("ETag", open.tag(sequence).text())])
    }

    private static func requireCount(_ count: Int, _ array: ZarrArray) throws(Problem) {
        guard count == array.chunkByteCount else {
            throw Problem(
                .shapeMismatch,
                "expected \(array.chunkByteCount) bytes for a chunk of the shape \(tuple(array.grid.chunkShape)) "
                    + "of \(array.type.stored), padding included, got \(count)"
            )
        }
    }

    /// Refuses other metadata than there are: layout and attributes are fixed at creation.
    private func requireSame(
        _ node: ZarrNode,
        _ document: ZarrDocument,
        _ body: RequestBody,
        _ context: RequestContext
    ) throws {
        try context.leaveEventThread(for: node.weight.multipliedClamped(by: 1_024))
        var json = JSONWriter(capacity: 1_024)
        node.write(document, to: &json)
        let text = json.finish()
        // The same with spaces and escapes is hardly longer than this, and what is longer is not read.
        let limit = text.count.multipliedClamped(by: 8).addingClamped(64 << 10)
        if body.count > limit {
            throw Problem(.tooLarge, "expected metadata of at most \(limit) bytes, got \(body.count)")
        }
        let known = try text.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            return try reader.value()
        }
        var reader = JSONReader(body.bytes)
        let given = try reader.value()
        try reader.finish()
        guard ZarrComparison.isSame(given, known, document) else {
            throw Problem(
                .forbidden,
                "expected the metadata as they are, for layout and attributes are fixed at creation; got others"
            )
        }
    }

    /// Refuses other labels than there are.
    private func requireSame(
        _ bytes: ZarrChunkBytes,
        _ context: RequestContext,
        given fill: (UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        let count = bytes.ownCount
        let needed = count.multipliedClamped(by: 3)
        try context.leaveEventThread(for: needed)
        let reservation = try pool.budget.require(needed, until: context.deadline)
        defer { withExtendedLifetime(reservation) {} }
        let given = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 8)
        let known = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 8)
        defer {
            given.deallocate()
            known.deallocate()
        }
        try fill(UnsafeMutableRawBufferPointer(rebasing: given[..<count]))
        if let base = known.baseAddress { _ = try bytes.copy(0..<count, into: base, until: context.deadline) }
        guard given[..<count].elementsEqual(known[..<count]) else {
            throw Self.notAllowed("expected GET or HEAD, for labels never change, got others", "GET, HEAD")
        }
    }

    private static func notAllowed(_ detail: String, _ methods: String) -> Problem {
        Problem(.methodNotAllowed, detail, headers: [("Allow", methods)])
    }

    /// The answer to a write that changes nothing.
    private static func unchanged(_ target: ZarrTarget) throws -> Response {
        Response(status: 204, headers: [("ETag", try target.open.tag().text())])
    }
}
