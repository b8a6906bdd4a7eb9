internal import Documents
internal import Glibc
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// `PATCH /segments/{name}/data`.
///
/// The way of a byte: socket → memory, or a staged file when it is large → (conversion) → journal → mapping. A body
/// that has the bytes of the selection is never copied in between.
struct DataWriting {
    let catalog: Catalog
    /// The most bytes that a body may unpack to.
    let maxBodyBytes: Int
    /// What private copies take of.
    let budget: MemoryBudget

    func write(
        _ name: SegmentName,
        path: [String],
        _ query: Query,
        _ body: RequestBody,
        _ context: RequestContext
    ) throws -> Response {
        let target = try target(name, path, query, context)
        let condition = try WriteCondition(context.exchange)
        try context.leaveEventThread(for: body.count)
        // Refused before the work of reading the body; what counts is the check under the lock.
        if !condition.isEmpty { try condition.check(target.open.tag()) }
        let sequence: UInt64
        if body.format == .json {
            let patches = try PatchList(body.bytes, target, context) { plan(target, context) }
            if patches.hasConditions, !context.mayBlock { throw Deferral() }
            try context.leaveEventThread(for: patches.byteCount)
            sequence = try commit(patches, condition, target.open, context)
        } else if body.format.isTable {
            sequence = try commitTable(body, plan(target, context), condition, context)
        } else {
            sequence = try commit(body, plan(target, context), condition, context)
        }
        return Response(status: 204, headers: [("ETag", target.open.tag(sequence).text())])
    }

    /// Refuses what can be refused before the body has come: for clients that ask first, and for long bodies.
    ///
    /// `length` is that of the body, nil if that is unknown.
    func check(
        _ name: SegmentName,
        path: [String],
        _ query: Query,
        _ format: Format,
        _ length: UInt64?,
        _ context: RequestContext
    ) throws {
        let target: DataTarget
        do {
            target = try self.target(name, path, query, context)
        } catch is Deferral {
            return  // Labels have to be read through first, which is no work for this thread.
        }
        let condition = try WriteCondition(context.exchange)
        if !condition.isEmpty { try condition.check(target.open.tag()) }
        try target.segment.requireWritable()
        guard format != .json else { return }
        let planned = PlannedWrite(target)
        if format.isTable { return try Self.requireRows(planned, format) }
        let part = try Self.onlyArray(planned.excerpt, format)
        if format == .raw, let length {
            try BinaryBody.requireCount(Int(clamping: length), for: part)
        }
    }

    /// Finds what a request means, or what the same one meant before, if the name leads to the same segment still.
    private func target(
        _ name: SegmentName,
        _ path: [String],
        _ query: Query,
        _ context: RequestContext
    ) throws -> DataTarget {
        let open = try catalog.segment(name, mayBlock: context.mayBlock)
        if let known = context.target?.write, known.target.open === open { return known.target }
        var query = query
        let request = try SelectionRequest(&query)
        _ = try query.take("orient", from: [("split", false), ("columns", true)], default: false)
        try query.finish()
        let target = try DataTarget(open, path: path, request, context)
        try target.requireWritable()
        try target.requireDistinctColumns()
        return target
    }

    /// Plans the write to the target of a request; the same request has the same plan.
    private func plan(_ target: DataTarget, _ context: RequestContext) -> PlannedWrite {
        if let known = context.target?.write, known.target.open === target.open { return known }
        let planned = PlannedWrite(target)
        context.target?.remember(planned)
        return planned
    }

    /// The one array that raw and npy bring.
    private static func onlyArray(_ excerpt: Excerpt, _ format: Format) throws(Problem) -> Excerpt.Part {
        if let part = excerpt.onlyArray { return part }
        throw Problem(
            .unsupportedMediaType,
            "expected application/json, for this is not one array; got \(format.mediaType)",
            headers: [("Accept-Patch", Format.json.mediaType)]
        )
    }

    /// Refuses an Arrow body for what has no rows, or rows that only the gateway knows.
    private static func requireRows(_ planned: PlannedWrite, _ format: Format) throws(Problem) {
        try requireNoConditions(planned.target)
        if planned.excerpt.hasRows { return }
        throw Problem(
            .unsupportedMediaType,
            "expected application/json, for this is no series, dataframe or array of one dimension; "
                + "got \(format.mediaType)",
            headers: [("Accept-Patch", Format.json.mediaType)]
        )
    }

    private static func requireNoConditions(_ target: DataTarget) throws(Problem) {
        guard target.conditions.isEmpty else {
            throw Problem(.invalidQuery, "expected a JSON body beside where, whose rows only the gateway knows")
        }
    }

    /// Writes the columns of an Arrow body.
    private func commitTable(
        _ body: RequestBody,
        _ planned: PlannedWrite,
        _ condition: WriteCondition,
        _ context: RequestContext
    ) throws -> UInt64 {
        let (target, parts) = (planned.target, planned.parts)
        try Self.requireRows(planned, body.format)
        try context.leaveEventThread(for: parts.byteCount.addedClamped(body.count.multipliedClamped(by: 16)))
        let table = try ArrowBody(reading: body.bytes, asFile: body.format == .arrowFile, limit: maxBodyBytes)
        try context.leaveEventThread(for: table.unpackedByteCount)
        let needed = parts.byteCount.addedClamped(table.unpackedByteCount)
        let room = try WriteRoom(budget, for: needed, until: context.deadline)
        try room.takeJournal(of: parts.parts.map(\.selection.region))
        defer { withExtendedLifetime(room) {} }
        let memory = PatchMemory(in: room)
        let places = try memory.reserve(parts.parts.map(\.selection.region.byteCount))
        try ExcerptReader { memory.base + places[$0] }.read(table, planned.excerpt)
        let covered = parts.parts.filter(\.selection.coversWhole).map { ($0.array, $0.selection) }
        let write = try PreparedWrite(
            to: target.segment,
            regions: parts.parts.map(\.selection.region),
            bytes: memory.source(),
            coversWhole: target.open.coversWhole(Dictionary(uniqueKeysWithValues: covered))
        )
        return try target.open.commit(write, if: condition, until: context.deadline)
    }

    /// Writes what JSON says: prepared before the lock, or under it where rows depend on what stands there.
    private func commit(
        _ patches: PatchList,
        _ condition: WriteCondition,
        _ open: OpenSegment,
        _ context: RequestContext
    ) throws -> UInt64 {
        let room = try WriteRoom(budget, for: patches.earlyByteCount, until: context.deadline)
        defer { withExtendedLifetime(room) {} }
        let early = patches.hasConditions ? nil : try patches.prepared(isLocked: false, in: room)
        var failure: (any Error)?
        let sequence = try open.segment.withWriteLock(until: context.deadline) { lock throws(SegmentError) -> UInt64 in
            try condition.check(open.tag(lock.sequence))
            do {
                return try lock.commit(try early ?? patches.prepared(isLocked: true, in: room))
            } catch let error as SegmentError {
                throw error
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return sequence
    }

    /// Writes the bytes of raw and npy.
    private func commit(
        _ body: RequestBody,
        _ planned: PlannedWrite,
        _ condition: WriteCondition,
        _ context: RequestContext
    ) throws -> UInt64 {
        let (target, parts) = (planned.target, planned.parts)
        try Self.requireNoConditions(target)
        let part = try Self.onlyArray(planned.excerpt, body.format)
        let room = try WriteRoom(budget, for: 0, until: context.deadline)
        defer { withExtendedLifetime(room) {} }
        let bytes = try BinaryBody(body).bytes(for: part, in: room)
        let selection = parts.parts[0].selection
        try room.takeJournal(of: [selection.region])
        let write = try PreparedWrite(
            to: target.segment,
            regions: [selection.region],
            bytes: bytes,
            coversWhole: target.open.coversWhole([parts.parts[0].array: selection])
        )
        return try target.open.commit(write, if: condition, until: context.deadline)
    }
}

extension DataTarget {
    /// Refuses labels, which never change.
    func requireWritable() throws(Problem) {
        guard isReadOnly else { return }
        throw Problem(
            .methodNotAllowed,
            "expected GET or HEAD, for labels never change, got PATCH",
            headers: [("Allow", "GET, HEAD")]
        )
    }

    /// Refuses a column that is picked twice.
    func requireDistinctColumns() throws(Problem) {
        guard let columns, Set(columns).count < columns.count else { return }
        throw Problem(.invalidQuery, "expected every column once, for two values cannot be written to one")
    }
}
