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

    func write(
        _ name: SegmentName,
        path: [String],
        _ query: Query,
        _ body: RequestBody,
        _ context: RequestContext
    ) throws -> Response {
        var query = query
        let request = try SelectionRequest(&query)
        _ = try query.take("orient", from: [("split", false), ("columns", true)], default: false)
        try query.finish()
        let open = try catalog.segment(name)
        let target = try DataTarget(open, path: path, request, context)
        try target.requireWritable()
        let condition = try TagCondition(context.exchange.headers("If-Match"), allowsWeak: false)
        try context.leaveEventThread(for: max(body.count, 0))
        // Refused before the work of reading the body; what counts is the check under the lock.
        try condition?.check(open.tag())
        let sequence: UInt64
        if body.format == .json {
            let patches = try PatchList(body.bytes, target, context)
            try context.leaveEventThread(for: patches.byteCount)
            sequence = try commit(patches, condition, open, context)
        } else {
            sequence = try commit(body, target, condition, context)
        }
        return Response(status: 204, headers: [("ETag", open.tag(sequence).text())])
    }

    /// Writes what JSON says: prepared before the lock, or under it where rows depend on what stands there.
    private func commit(
        _ patches: PatchList,
        _ condition: TagCondition?,
        _ open: OpenSegment,
        _ context: RequestContext
    ) throws -> UInt64 {
        let early = patches.hasConditions ? nil : try patches.prepared(isLocked: false)
        var failure: (any Error)?
        let sequence = try open.segment.withWriteLock(until: context.deadline) { lock throws(SegmentError) -> UInt64 in
            try condition?.check(open.tag(lock.sequence))
            do {
                return try lock.commit(try early ?? patches.prepared(isLocked: true))
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
        _ target: DataTarget,
        _ condition: TagCondition?,
        _ context: RequestContext
    ) throws -> UInt64 {
        guard target.conditions.isEmpty else {
            throw Problem(.invalidQuery, "expected a JSON body beside where, whose rows only the gateway knows")
        }
        var parts = ExcerptParts()
        guard let part = target.excerpt(&parts).onlyArray else {
            throw Problem(
                .unsupportedMediaType,
                "expected application/json, for this is not one array; got \(body.format.mediaType)",
                headers: [("Accept-Patch", Format.json.mediaType)]
            )
        }
        let bytes = try BinaryBody(body).bytes(for: part)
        let selection = parts.parts[0].selection
        let write = try PreparedWrite(
            to: target.segment,
            regions: [selection.region],
            bytes: bytes,
            coversWhole: target.open.coversWhole([parts.parts[0].array: selection])
        )
        return try target.segment.withWriteLock(until: context.deadline) { lock throws(SegmentError) in
            try condition?.check(target.open.tag(lock.sequence))
            return try lock.commit(write)
        }
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
}

/// A body of raw or npy.
struct BinaryBody {
    private let body: RequestBody

    init(_ body: RequestBody) { self.body = body }

    /// The packed bytes of an array, wherever they can be had from.
    func bytes(for part: Excerpt.Part) throws -> ByteSource {
        if body.format == .npy { return try npy(part) }
        let expected = product(part.shape, times: part.type.dtype.byteCount) ?? 0
        guard body.count == expected else {
            throw Problem(
                .shapeMismatch,
                "expected \(expected) bytes for the shape \(tuple(part.shape)) of \(part.type.dtype), got \(body.count)"
            )
        }
        return try body.source(0..<body.count)
    }

    private func npy(_ part: Excerpt.Part) throws -> ByteSource {
        let (shape, dtype) = (part.shape, part.type.dtype)
        let header = try NpyHeader(reading: try body.prefix(NpyHeader.maximumByteCount))
        guard header.shape == shape else {
            throw Problem(.shapeMismatch, "expected the shape \(tuple(shape)), got \(tuple(header.shape))")
        }
        let expected = product(shape, times: header.dtype.byteCount)
        let given = body.count - header.byteCount
        guard given == expected else {
            throw Problem(.invalidBody, "expected \(expected ?? 0) bytes behind the npy header, got \(given)")
        }
        let isSame = header.dtype == dtype || header.dtype == dtype.bufferDType
        let isPacked = !header.isFortranOrder || shape.count < 2
        if isSame, isPacked { return try body.source(header.byteCount..<body.count) }
        let array = try PackedArray(dtype: header.dtype, shape: shape)
        try body.copy(from: header.byteCount, into: UnsafeMutableRawBufferPointer(start: array.base, count: given))
        let ordered = isPacked ? array : try array.transposedFromFortranOrder()
        let bytes = try ordered.converted(to: dtype).take()
        return ByteSource(UnsafeRawBufferPointer(bytes)) { free(bytes.baseAddress) }
    }
}
