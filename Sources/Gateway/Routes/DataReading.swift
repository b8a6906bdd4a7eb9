internal import Documents
internal import Glibc
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// `GET /segments/{name}/data`.
///
/// The way of a byte: mapping → private copy under the sequence → representation → socket. A raw answer is the
/// private copy itself.
struct DataReading {
    let catalog: Catalog
    let pool: SnapshotPool
    /// Holds requests that wait for a change; nil where there are none.
    var longPoll: LongPoll?

    /// Answers a GET or HEAD.
    func read(_ name: SegmentName, path: [String], _ query: Query, _ context: RequestContext) throws -> Response {
        let exchange = context.exchange
        let read: PlannedRead
        let known = try knownRead(of: name, context)
        if let known {
            read = known
        } else {
            var query = query
            let request = try ReadRequest(name, path, &query)
            let after = try AfterCondition(&query)
            try query.finish()
            let accept = exchange.headers("Accept")
            read = try plan(request, accept: accept, context)
            if let after {
                let answer = try longPoll?.hold(read.target.open, after, read.format.tagSuffix, context)
                if let answer { return answer }
            } else {
                context.target?.remember(read, accept: accept)
            }
        }
        if let answer = try early(read, context) { return try Self.cut(answer, exchange) }
        try context.leaveEventThread(for: read.movedBytes)
        if exchange.method == .head, read.isArrayAsItIs, !read.isRelaxed { return try head(read, context) }
        let reservation = try pool.budget.require(read.neededBytes, until: context.deadline)
        let answer = try known == nil ? carryOut(read, reservation, context) : again(read, reservation, context)
        return try Self.cut(answer, exchange)
    }

    /// What the same request meant before, if the name leads to the same segment still.
    private func knownRead(of name: SegmentName, _ context: RequestContext) throws -> PlannedRead? {
        guard let read = context.target?.read(accept: context.exchange.headers("Accept")),
            try catalog.segment(name, mayBlock: context.mayBlock) === read.target.open
        else { return nil }
        return read
    }

    /// Finds what a request means, and chooses its form; nothing is copied yet.
    func plan(_ request: ReadRequest, accept: [String], _ context: RequestContext) throws -> PlannedRead {
        let open = try catalog.segment(request.name, mayBlock: context.mayBlock)
        let target = try DataTarget(open, path: request.path, request.selection, context)
        var parts = ExcerptParts()
        let excerpt = target.excerpt(&parts)
        let format = try Format.choose(
            parameter: request.format,
            accept: accept,
            among: Self.formats(of: excerpt)
        )
        return try PlannedRead(target, excerpt, parts, format, request)
    }

    /// The answer where the fields of the request, or the wish for no snapshot, make it without a copy of all.
    private func early(_ read: PlannedRead, _ context: RequestContext) throws -> Response? {
        let exchange = context.exchange
        let target = read.target
        // In TLS it is this process that reads the mapping, and would die of a page that is gone: that gets a copy.
        if read.isRelaxed, !exchange.isSecure, let answer = try direct(read) { return answer }
        let match = try TagCondition(exchange.headers("If-Match"), allowsWeak: false)
        if let match, !match.matches(try target.open.tag()) {
            throw Problem(.preconditionFailed, "expected a segment that If-Match names, its tag is another one now")
        }
        try read.requireModest()
        if read.isRelaxed { return nil }
        let condition = try TagCondition(exchange.headers("If-None-Match"), allowsWeak: true)
        if let condition, let unchanged = try notModified(target, read.format, condition) { return unchanged }
        guard read.format.isPacked, read.conditions == nil else { return nil }
        return try part(target, read.excerpt, read.parts, read.format, context)
    }

    /// Copies what was planned and makes its representation; the memory for that is reserved.
    ///
    /// Of a read that comes again some things are kept for the next time.
    func carryOut(
        _ read: PlannedRead,
        _ reservation: MemoryReservation?,
        _ context: RequestContext,
        comesAgain: Bool = false
    ) throws -> Response {
        if case .labels(let labels) = read.excerpt, read.format.isPacked {
            return try self.labels(labels, read.target, read.format)
        }
        let copied = try copied(read, reservation, context, comesAgain: comesAgain)
        return try answer(read, copied, reservation)
    }

    /// A private copy of what a read picks, and what it is a copy of.
    struct Copied: ~Copyable {
        let excerpt: Excerpt
        let copy: PartsCopy
        /// Whether the copy is the whole Arrow stream, and not the elements alone.
        var isStream = false
        /// Which rows of the selection they are; nil for all.
        var rows: [Int]?
        /// Nil where no snapshot was wanted.
        let snapshot: Snapshot?
    }

    /// Copies what was planned, under one sequence.
    func copied(
        _ read: PlannedRead,
        _ reservation: MemoryReservation?,
        _ context: RequestContext,
        comesAgain: Bool = false
    ) throws -> Copied {
        if read.conditions != nil { return try filtered(read, reservation, context) }
        if let outline = try read.arrowOutline(keptIn: comesAgain ? catalog.targets.outlines : nil) {
            let copy = try PartsCopy(outline, of: read.parts, pool: pool, reservation)
            let snapshot = try take(copy.snapshotParts, of: read, context)
            return Copied(excerpt: read.excerpt, copy: copy, isStream: true, rows: nil, snapshot: snapshot)
        }
        let prefix = try Self.prefix(read.excerpt, read.format)
        let copy = try PartsCopy(read.parts, prefix: prefix, pool: pool, reservation)
        let snapshot = try take(copy.snapshotParts, of: read, context)
        return Copied(excerpt: read.excerpt, copy: copy, rows: nil, snapshot: snapshot)
    }

    /// A snapshot, or, where the client wants none, what there is; nil for the latter.
    private func take(_ parts: [SnapshotPart], of read: PlannedRead, _ context: RequestContext) throws -> Snapshot? {
        if !read.isRelaxed { return try read.target.segment.snapshot(parts, until: context.deadline) }
        try read.target.segment.gather(parts)
        return nil
    }

    /// The rows that satisfy the conditions, or those of them that a plot needs: these and the data are read under one
    /// sequence.
    private func filtered(
        _ read: PlannedRead,
        _ reservation: MemoryReservation?,
        _ context: RequestContext
    ) throws -> Copied {
        guard let (wide, conditions) = read.conditions else { preconditionFailure("a filtered read has conditions") }
        let target = read.target
        let all = try PartsCopy(wide, pool: pool, reservation)
        let snapshot = try take(all.snapshotParts, of: read, context)
        let places = all.places
        let rows = try rows(read, conditions, places)
        var parts = ExcerptParts()
        let excerpt = target.excerpt(&parts, picks: target.picks(ofRows: rows))
        let prefix = try Self.prefix(excerpt, read.format)
        let copy = try PartsCopy(parts, prefix: prefix, pool: pool, reservation)
        for part in read.parts.parts.indices {
            let size = read.parts.parts[part].selection.region.byteCount / max(target.rowCount, 1)
            var next = copy.place(part)
            for row in rows {
                memcpy(next, places[part] + row * size, size)
                next += size
            }
        }
        withExtendedLifetime(all) {}
        return Copied(excerpt: excerpt, copy: copy, rows: rows, snapshot: snapshot)
    }

    /// The rows that are left of all that were copied.
    private func rows(
        _ read: PlannedRead,
        _ conditions: DataTarget.ConditionParts,
        _ places: [UnsafeMutableRawPointer]
    ) throws -> [Int] {
        let target = read.target
        let satisfying =
            target.conditions.isEmpty
            ? Thinning.Rows.all(target.rowCount)
            : .some(try target.rows(conditions) { UnsafeRawPointer(places[$0]) })
        return read.thinned(satisfying) { UnsafeRawPointer(places[$0]) }
    }

    /// The representation of what was copied.
    func answer(
        _ read: PlannedRead,
        _ copied: consuming Copied,
        _ reservation: MemoryReservation?
    ) throws -> Response {
        let (target, format, form, excerpt) = (read.target, read.format, read.form, copied.excerpt)
        var fields = self.fields(of: copied.snapshot, target, format)
        let copy = copied.copy
        if format.isPacked {
            fields += Self.fields(try Self.array(excerpt, format), format)
            return Response(status: 200, headers: fields, body: copy.body().body())
        }
        if copied.isStream {
            fields.append(("Content-Type", format.mediaType))
            return Response(status: 200, headers: fields, body: copy.body().body())
        }
        let places = copy.places
        let attrs = read.attrs
        if format == .arrow || format == .arrowFile {
            let stream = try ArrowStream(
                excerpt,
                asFile: format == .arrowFile,
                attrs: attrs,
                owner: copy.body().owner()
            ) { UnsafeRawPointer(places[$0]) }
            return Response(
                status: 200,
                headers: fields + [("Content-Type", format.mediaType)],
                body: .made(stream)
            )
        }
        let room = TextRoom(for: read.textBytes, pool)
        if format == .csv {
            var text = room.buffer
            let writer = ExcerptCSV(options: form.options, indexText: copied.rows == nil ? read.indexText : nil) {
                UnsafeRawPointer(places[$0])
            }
            try writer.write(excerpt, to: &text)
            withExtendedLifetime(copy) {}
            return .text(text, "text/csv; charset=utf-8", headers: fields, in: room, countedBy: reservation)
        }
        var json = JSONWriter(room.buffer)
        let writer = ExcerptJSON(
            options: form.options,
            orientation: form.orientation,
            tellsDTypes: form.tellsDTypes,
            rows: form.tellsRows ? copied.rows : nil,
            // Which rows a condition leaves is another thing each time.
            indexText: copied.rows == nil ? read.indexText : nil,
            attrs: attrs
        ) { UnsafeRawPointer(places[$0]) }
        try writer.write(excerpt, to: &json)
        withExtendedLifetime(copy) {}
        return .json(json.finish(), headers: fields, in: room, countedBy: reservation)
    }

    /// Labels that are numbers or times, which never change.
    private func labels(_ labels: PickedLabels, _ target: DataTarget, _ format: Format) throws -> Response {
        guard let dtype = labels.dtype else { preconditionFailure("texts are acceptable as JSON only") }
        let part = Excerpt.Part(number: 0, type: .init(dtype: dtype), shape: labels.shape)
        let prefix = format == .npy ? Npy.header(dtype: dtype, shape: part.shape) : []
        var bytes = ByteBuffer()
        for piece in [prefix, try labels.load().bytes] { piece.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        let tag = try target.open.tag().text(format.tagSuffix)
        let fields = Self.cacheFields + Self.fields(part, format) + [("ETag", tag), ("Accept-Ranges", "bytes")]
        return Response(status: 200, headers: fields, body: .allocated(bytes.take()))
    }

    /// Straight from the mapping where the selection is one run of bytes; torn reads are the caller's wish.
    private func direct(_ read: PlannedRead) throws -> Response? {
        guard read.format == .raw, read.conditions == nil,
            let range = read.parts.parts.first?.selection.region.contiguousRange
        else { return nil }
        let segment = read.target.segment
        return Response(
            status: 200,
            headers: Self.cacheFields + Self.fields(try Self.array(read.excerpt, read.format), read.format),
            body: .pinned(segment.bytesForKernel(range), owner: segment)
        )
    }

    /// 304 if the client has what it would get now.
    private func notModified(
        _ target: DataTarget,
        _ format: Format,
        _ condition: TagCondition
    ) throws -> Response? {
        let vitals = try target.segment.vitals()
        guard vitals.sequence & 1 == 0 else { return nil }
        let tag = target.open.tag(vitals.sequence).text(format.tagSuffix)
        guard let known = condition.match(tag) else { return nil }
        return Response(status: 304, headers: [("ETag", known)] + Self.cacheFields)
    }

    /// The length without the bytes.
    private func head(_ read: PlannedRead, _ context: RequestContext) throws -> Response {
        let part = try Self.array(read.excerpt, read.format)
        let snapshot = try read.target.segment.snapshot([], until: context.deadline)
        let fields = self.fields(of: snapshot, read.target, read.format) + Self.fields(part, read.format)
        let prefix = read.format == .npy ? Npy.header(dtype: part.type.dtype, shape: part.shape).count : 0
        let count = product(part.shape, times: part.type.dtype.byteCount) ?? 0
        return Response(status: 200, headers: fields, body: .length(UInt64(prefix + count)))
    }

    /// The representations that an excerpt has, the default first.
    private static func formats(of excerpt: Excerpt) -> [Format] {
        [.json] + (excerpt.isArray ? [.npy, .raw] : []) + (excerpt.isTable ? [.csv] : [])
            + (excerpt.isArrow ? [.arrow, .arrowFile] : [])
    }
}
