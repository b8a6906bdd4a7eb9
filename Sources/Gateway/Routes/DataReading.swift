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

    func read(_ name: SegmentName, path: [String], _ query: Query, _ context: RequestContext) throws -> Response {
        try Self.cut(whole(name, path: path, query, context), context.exchange)
    }

    /// The answer, or already the part of it that `Range` asks for.
    private func whole(
        _ name: SegmentName,
        path: [String],
        _ query: Query,
        _ context: RequestContext
    ) throws -> Response {
        var query = query
        let request = try SelectionRequest(&query)
        let exchange = context.exchange
        let asked = query.take("format")
        let form = try JSONForm(&query)
        let isRelaxed = try query.take("consistency", from: [("snapshot", false), ("relaxed", true)], default: false)
        try query.finish()
        let target = try DataTarget(catalog.segment(name, mayBlock: context.mayBlock), path: path, request, context)
        var parts = ExcerptParts()
        let excerpt = target.excerpt(&parts)
        let format = try Format.choose(
            parameter: asked,
            accept: exchange.headers("Accept"),
            among: Self.formats(of: excerpt)
        )
        if isRelaxed, let answer = try direct(target, excerpt, parts, format) { return answer }
        let match = try TagCondition(exchange.headers("If-Match"), allowsWeak: false)
        if let match, !match.matches(try target.open.tag()) {
            throw Problem(.preconditionFailed, "expected a segment that If-Match names, its tag is another one now")
        }
        if format.isText { try Self.requireModest(excerpt, format) }
        let condition = isRelaxed ? nil : try TagCondition(exchange.headers("If-None-Match"), allowsWeak: true)
        if let condition, let unchanged = try notModified(target, format, condition) { return unchanged }
        if format.isPacked, !isRelaxed, target.conditions.isEmpty,
            let answer = try part(target, excerpt, parts, format, context)
        {
            return answer
        }
        let textBytes = Self.textBytes(excerpt, format)
        try context.leaveEventThread(for: max(parts.byteCount, textBytes))
        if case .labels(let labels) = excerpt, format.isPacked {
            return try self.labels(labels, target, format, context)
        }
        if !target.conditions.isEmpty { return try filtered(target, format, form, isRelaxed, context) }
        if exchange.method == .head, format.isPacked, !isRelaxed {
            return try head(target, try Self.array(excerpt, format), format, context)
        }
        let reservation = try pool.budget.require(parts.byteCount + textBytes, until: context.deadline)
        let copy = try PartsCopy(parts, prefix: try Self.prefix(excerpt, format), pool: pool, reservation)
        let snapshot = try take(copy.snapshotParts(parts), of: target, isRelaxed, context)
        return try answer(target, excerpt, copy, format, form, snapshot, reservation)
    }

    /// A snapshot, or, where the client wants none, what there is; nil for the latter.
    private func take(
        _ parts: [SnapshotPart],
        of target: DataTarget,
        _ isRelaxed: Bool,
        _ context: RequestContext
    ) throws -> Snapshot? {
        if !isRelaxed { return try target.segment.snapshot(parts, until: context.deadline) }
        try target.segment.gather(parts)
        return nil
    }

    /// The rows that satisfy the conditions: these and the data are read under one sequence.
    private func filtered(
        _ target: DataTarget,
        _ format: Format,
        _ form: JSONForm,
        _ isRelaxed: Bool,
        _ context: RequestContext
    ) throws -> Response {
        var wide = ExcerptParts()
        let textBytes = Self.textBytes(target.excerpt(&wide), format)
        let kept = wide.byteCount
        let count = wide.parts.count
        let conditions = try target.addConditions(to: &wide)
        try context.leaveEventThread(for: wide.byteCount)
        let needed = wide.byteCount + kept + textBytes
        let reservation = try pool.budget.require(needed, until: context.deadline)
        let all = try PartsCopy(wide, pool: pool, reservation)
        let snapshot = try take(all.snapshotParts(wide), of: target, isRelaxed, context)
        let places = all.places
        let rows = try target.rows(conditions) { UnsafeRawPointer(places[$0]) }
        var parts = ExcerptParts()
        let excerpt = target.excerpt(&parts, picks: target.picks.map { $0.subset(rows) })
        let copy = try PartsCopy(parts, prefix: try Self.prefix(excerpt, format), pool: pool, reservation)
        for part in 0..<count {
            let size = parts.parts[part].selection.region.itemByteCount
            var next = copy.place(part)
            for row in rows {
                memcpy(next, places[part] + row * size, size)
                next += size
            }
        }
        withExtendedLifetime(all) {}
        return try answer(target, excerpt, copy, format, form, snapshot, reservation)
    }

    /// Bytes beside those of the arrays that a representation takes, about: of text, or of labels that were read.
    private static func textBytes(_ excerpt: Excerpt, _ format: Format) -> Int {
        if format.isText { return excerpt.textCount.multipliedClamped(by: 16) }
        return format.isPacked ? 0 : excerpt.labelCount.multipliedClamped(by: 32)
    }

    private func answer(
        _ target: DataTarget,
        _ excerpt: Excerpt,
        _ copy: consuming PartsCopy,
        _ format: Format,
        _ form: JSONForm,
        _ snapshot: Snapshot?,
        _ reservation: MemoryReservation?
    ) throws -> Response {
        var fields = self.fields(of: snapshot, target, format)
        if format.isPacked {
            fields += Self.fields(try Self.array(excerpt, format), format)
            return Response(status: 200, headers: fields, body: copy.body().body())
        }
        let places = copy.places
        let attrs = target.isRoot ? target.open.header.attrs : "{}"
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
        if format == .csv {
            var text = ByteBuffer(capacity: 256)
            try ExcerptCSV(options: form.options) { UnsafeRawPointer(places[$0]) }.write(excerpt, to: &text)
            withExtendedLifetime(copy) {}
            return .text(text, "text/csv; charset=utf-8", headers: fields, countedBy: reservation)
        }
        var json = JSONWriter(capacity: 256)
        let writer = ExcerptJSON(
            options: form.options,
            orientation: form.orientation,
            tellsDTypes: form.tellsDTypes,
            attrs: attrs
        ) { UnsafeRawPointer(places[$0]) }
        try writer.write(excerpt, to: &json)
        withExtendedLifetime(copy) {}
        return .json(json.finish(), headers: fields, countedBy: reservation)
    }

    /// Labels that are numbers or times, which never change.
    private func labels(
        _ labels: PickedLabels,
        _ target: DataTarget,
        _ format: Format,
        _ context: RequestContext
    ) throws -> Response {
        guard let dtype = labels.dtype else { preconditionFailure("texts are acceptable as JSON only") }
        let needed = labels.count.multipliedClamped(by: 32)
        if labels.count > Self.mostValues {
            throw Problem(.tooLarge, "expected at most \(Self.mostValues) labels, got \(labels.count)")
        }
        try context.leaveEventThread(for: needed)
        let reservation = try pool.budget.require(needed, until: context.deadline)
        defer { withExtendedLifetime(reservation) {} }
        let part = Excerpt.Part(number: 0, type: .init(dtype: dtype), shape: labels.shape)
        let prefix = format == .npy ? Npy.header(dtype: dtype, shape: part.shape) : []
        var bytes = ByteBuffer()
        for piece in [prefix, try labels.load().bytes] { piece.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        let tag = try target.open.tag().text(format.tagSuffix)
        let fields = Self.cacheFields + Self.fields(part, format) + [("ETag", tag), ("Accept-Ranges", "bytes")]
        return Response(status: 200, headers: fields, body: .allocated(bytes.take()))
    }

    /// Straight from the mapping where the selection is one run of bytes; torn reads are the caller's wish.
    private func direct(
        _ target: DataTarget,
        _ excerpt: Excerpt,
        _ parts: ExcerptParts,
        _ format: Format
    ) throws -> Response? {
        guard format == .raw, target.conditions.isEmpty, let range = parts.parts.first?.selection.region.contiguousRange
        else { return nil }
        return Response(
            status: 200,
            headers: Self.cacheFields + Self.fields(try Self.array(excerpt, format), format),
            body: .pinned(target.segment.bytesForKernel(range), owner: target.segment)
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
        guard condition.matches(tag) else { return nil }
        return Response(status: 304, headers: [("ETag", tag)] + Self.cacheFields)
    }

    /// The length without the bytes.
    private func head(
        _ target: DataTarget,
        _ part: Excerpt.Part,
        _ format: Format,
        _ context: RequestContext
    ) throws -> Response {
        let snapshot = try target.segment.snapshot([], until: context.deadline)
        let fields = self.fields(of: snapshot, target, format) + Self.fields(part, format)
        let prefix = format == .npy ? Npy.header(dtype: part.type.dtype, shape: part.shape).count : 0
        let count = product(part.shape, times: part.type.dtype.byteCount) ?? 0
        return Response(status: 200, headers: fields, body: .length(UInt64(prefix + count)))
    }

    /// The representations that an excerpt has, the default first.
    private static func formats(of excerpt: Excerpt) -> [Format] {
        [.json] + (excerpt.isArray ? [.npy, .raw] : []) + (excerpt.isTable ? [.csv] : [])
            + (excerpt.isArrow ? [.arrow, .arrowFile] : [])
    }

    /// So many values, labels and empty lists fit into an answer of text.
    private static let mostValues = 1 << 27

    /// Refuses what would fill the memory with text.
    private static func requireModest(_ excerpt: Excerpt, _ format: Format) throws(Problem) {
        let count = excerpt.textCount
        if count > mostValues {
            throw Problem(
                .tooLarge,
                "expected at most \(mostValues) values for \(format.mediaType), got \(count); raw and npy have no limit"
            )
        }
    }

    /// What an answer says of the state it is of; one that is of none has no tag and no parts.
    func fields(of snapshot: Snapshot?, _ target: DataTarget, _ format: Format) -> [(StaticString, String)] {
        guard let snapshot else { return Self.cacheFields }
        var fields = Self.cacheFields
        fields.append(("ETag", target.open.tag(snapshot.sequence).text(format.tagSuffix)))
        if snapshot.isDamaged { fields.append(("Shm-Damaged", "1")) }
        if format.isPacked { fields.append(("Accept-Ranges", "bytes")) }
        return fields
    }

    /// The one array that raw and npy carry.
    static func array(_ excerpt: Excerpt, _ format: Format) throws(Problem) -> Excerpt.Part {
        guard let part = excerpt.onlyArray else { preconditionFailure("\(format) was chosen for one array") }
        return part
    }

    static func prefix(_ excerpt: Excerpt, _ format: Format) throws(Problem) -> [UInt8] {
        guard format == .npy else { return [] }
        let part = try array(excerpt, format)
        return Npy.header(dtype: part.type.dtype, shape: part.shape)
    }

    private static let cacheFields: [(StaticString, String)] = [
        ("Vary", "Accept, Accept-Encoding"), ("Cache-Control", "no-cache"),
    ]

    static func fields(_ part: Excerpt.Part, _ format: Format) -> [(StaticString, String)] {
        [
            ("Content-Type", format.mediaType), ("Shm-Dtype", part.type.dtype.description),
            ("Shm-Shape", part.shape.map(String.init).joined(separator: ",")),
        ]
    }
}

/// How a request wants its JSON.
struct JSONForm {
    let options: JSONOptions
    let orientation: ExcerptJSON.Orientation
    let tellsDTypes: Bool

    /// Takes the parameters.
    init(_ query: inout Query) throws(Problem) {
        options = try JSONOptions(&query)
        orientation = try query.take("orient", from: [("split", .split), ("columns", .columns)], default: .split)
        tellsDTypes = try query.take("dtypes", from: [("0", false), ("1", true)], default: false)
    }
}
