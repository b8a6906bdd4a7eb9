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
        member: String?,
        _ query: Query,
        _ body: RequestBody,
        _ context: RequestContext
    ) throws -> Response {
        var query = query
        let target = try DataTarget(name, member: member, in: catalog, &query)
        try query.finish()
        let condition = try TagCondition(context.exchange.headers("If-Match"), allowsWeak: false)
        try context.leaveEventThread(for: max(body.count, target.selection.region.byteCount))
        // Refused before the work of reading the body; what counts is the check under the lock.
        try condition?.check(target.open.tag())
        let bytes = try Self.bytes(of: body, for: target)
        let write = try PreparedWrite(
            to: target.segment,
            regions: [target.selection.region],
            bytes: bytes,
            coversWhole: target.selection.coversWhole
        )
        let sequence = try target.segment.withWriteLock(until: context.deadline) { lock throws(SegmentError) in
            try condition?.check(target.open.tag(lock.sequence))
            return try lock.commit(write)
        }
        return Response(status: 204, headers: [("ETag", target.open.tag(sequence).text())])
    }

    /// The packed bytes of the selection, wherever they can be had from.
    private static func bytes(of body: RequestBody, for target: DataTarget) throws -> ByteSource {
        switch body.format {
        case .json: return owned(try json(body.bytes, target))
        case .raw:
            let expected = target.selection.region.byteCount
            guard body.count == expected else {
                throw Problem(
                    .shapeMismatch,
                    "expected \(expected) bytes for the shape \(tuple(target.selection.shape)) of \(target.dtype), "
                        + "got \(body.count)"
                )
            }
            return try body.source(0..<body.count)
        case .npy: return try npy(body, target)
        }
    }

    private static func npy(_ body: RequestBody, _ target: DataTarget) throws -> ByteSource {
        let shape = target.selection.shape
        let header = try NpyHeader(reading: try body.prefix(NpyHeader.maximumByteCount))
        guard header.shape == shape else {
            throw Problem(.shapeMismatch, "expected the shape \(tuple(shape)), got \(tuple(header.shape))")
        }
        let expected = product(shape, times: header.dtype.byteCount)
        let given = body.count - header.byteCount
        guard given == expected else {
            throw Problem(.invalidBody, "expected \(expected ?? 0) bytes behind the npy header, got \(given)")
        }
        let isSame = header.dtype == target.dtype || header.dtype == target.dtype.bufferDType
        let isPacked = !header.isFortranOrder || shape.count < 2
        if isSame, isPacked { return try body.source(header.byteCount..<body.count) }
        let array = try PackedArray(dtype: header.dtype, shape: shape)
        try body.copy(from: header.byteCount, into: UnsafeMutableRawBufferPointer(start: array.base, count: given))
        let ordered = isPacked ? array : try array.transposedFromFortranOrder()
        return owned(try ordered.converted(to: target.dtype))
    }

    /// A value, or the envelope that a GET gives.
    private static func json(_ body: UnsafeRawBufferPointer, _ target: DataTarget) throws -> PackedArray {
        var reader = JSONReader(body)
        let array = try JSONValueForm(isBytes: target.isBytes, dtype: target.dtype).read(&reader)
        try reader.finish()
        return try array.broadcast(to: target.selection.shape)
    }

    private static func owned(_ array: consuming PackedArray) -> ByteSource {
        let bytes = array.take()
        return ByteSource(UnsafeRawBufferPointer(bytes)) { free(bytes.baseAddress) }
    }
}
