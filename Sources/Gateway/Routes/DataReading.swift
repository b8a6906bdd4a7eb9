internal import Documents
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

    func read(_ name: SegmentName, member: String?, _ query: Query, _ context: RequestContext) throws -> Response {
        var query = query
        let target = try DataTarget(name, member: member, in: catalog, &query)
        let exchange = context.exchange
        let format = try Format.choose(parameter: query.take("format"), accept: exchange.headers("Accept"))
        let options = try JSONOptions(&query)
        let isRelaxed = try query.take("consistency", from: [("snapshot", false), ("relaxed", true)], default: false)
        try query.finish()
        if isRelaxed { return try relaxed(target, format, options, context) }
        let condition = try TagCondition(exchange.headers("If-None-Match"), allowsWeak: true)
        if let condition, let unchanged = try notModified(target, format, condition) { return unchanged }
        try context.leaveEventThread(for: target.selection.region.byteCount)
        if exchange.method == .head, format != .json { return try head(target, format, context) }
        let prefix = format == .npy ? Npy.header(dtype: target.dtype, shape: target.selection.shape) : []
        let copy = try PrivateCopy(prefix: prefix, byteCount: target.selection.region.byteCount, pool: pool)
        let snapshot = try target.segment.snapshot(target.selection.region, into: copy.data, until: context.deadline)
        let fields = fields(target, format, snapshot)
        if format != .json { return Response(status: 200, headers: fields, body: copy.body()) }
        return .json(Self.json(copy.data, target, options), headers: fields)
    }

    /// Straight from the mapping where the selection is one run of bytes; torn reads are the caller's wish.
    private func relaxed(
        _ target: DataTarget,
        _ format: Format,
        _ options: JSONOptions,
        _ context: RequestContext
    ) throws -> Response {
        let region = target.selection.region
        let fields = Self.fields(target, format)
        if format == .raw, let range = region.contiguousRange {
            return Response(
                status: 200,
                headers: fields,
                body: .pinned(target.segment.bytesForKernel(range), owner: target.segment)
            )
        }
        try context.leaveEventThread(for: region.byteCount)
        let prefix = format == .npy ? Npy.header(dtype: target.dtype, shape: target.selection.shape) : []
        let copy = try PrivateCopy(prefix: prefix, byteCount: region.byteCount, pool: pool)
        try target.segment.gather(region, into: copy.data)
        if format != .json { return Response(status: 200, headers: fields, body: copy.body()) }
        return .json(Self.json(copy.data, target, options), headers: fields)
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
    private func head(_ target: DataTarget, _ format: Format, _ context: RequestContext) throws -> Response {
        let nothing = Region(byteOffset: target.segment.dataOffset, itemByteCount: 0, axes: [])
        let place = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
        defer { place.deallocate() }
        let snapshot = try target.segment.snapshot(nothing, into: place, until: context.deadline)
        let selection = target.selection
        let prefix = format == .npy ? Npy.header(dtype: target.dtype, shape: selection.shape).count : 0
        return Response(
            status: 200,
            headers: fields(target, format, snapshot),
            body: .length(UInt64(prefix + selection.region.byteCount))
        )
    }

    private static func json(
        _ packed: UnsafeRawPointer,
        _ target: DataTarget,
        _ options: JSONOptions
    ) -> ByteBuffer {
        let selection = target.selection
        var json = JSONWriter(capacity: 64 + selection.count * 8)
        json.beginObject()
        if target.isBytes {
            json.key("data")
            json.buffer.append(UInt8(ascii: "\""))
            json.buffer.appendBase64(UnsafeRawBufferPointer(start: packed, count: selection.region.byteCount))
            json.buffer.append(UInt8(ascii: "\""))
        } else {
            json.key("dtype")
            target.dtype.write(to: &json)
            json.key("shape")
            json.shape(selection.shape)
            json.key("data")
            ArrayJSON.write(packed, dtype: target.dtype, shape: selection.shape, options: options, to: &json.buffer)
        }
        json.endObject()
        return json.finish()
    }

    private static let cacheFields: [(StaticString, String)] = [
        ("Vary", "Accept, Accept-Encoding"), ("Cache-Control", "no-cache"),
    ]

    private func fields(_ target: DataTarget, _ format: Format, _ snapshot: Snapshot) -> [(StaticString, String)] {
        var fields = Self.fields(target, format)
        fields.append(("ETag", target.open.tag(snapshot.sequence).text(format.tagSuffix)))
        if snapshot.isDamaged { fields.append(("Shm-Damaged", "1")) }
        return fields
    }

    private static func fields(_ target: DataTarget, _ format: Format) -> [(StaticString, String)] {
        var fields = cacheFields
        if format == .json { return fields }
        fields.append(("Content-Type", format.mediaType))
        fields.append(("Shm-Dtype", target.dtype.description))
        fields.append(("Shm-Shape", target.selection.shape.map(String.init).joined(separator: ",")))
        return fields
    }
}
