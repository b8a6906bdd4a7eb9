internal import Glibc
internal import Layouts
internal import MicroHTTP
internal import Segments

extension DataReading {
    /// The run that `Range` asks for, of a selection that is one run of the segment: only its bytes are copied.
    ///
    /// Nil if the whole has to be made, because it is asked for or because only the whole tells where the run lies.
    func part(
        _ target: DataTarget,
        _ excerpt: Excerpt,
        _ parts: ExcerptParts,
        _ format: Format,
        _ context: RequestContext
    ) throws -> Response? {
        guard let asked = ByteRange(context.exchange), parts.parts.count == 1,
            let run = parts.parts[0].selection.region.contiguousRange
        else { return nil }
        let prefix = try Self.prefix(excerpt, format)
        let total = prefix.count + run.count
        guard let range = asked.resolve(total) else {
            if asked.applies(to: try target.open.tag().text(format.tagSuffix)) { throw Self.unsatisfiable(total) }
            return nil
        }
        try context.leaveEventThread(for: range.count)
        let head = range.clamped(to: 0..<prefix.count)
        let data = range.clamped(to: prefix.count..<total)
        let reservation = try pool.budget.require(range.count, until: context.deadline)
        let copy = try PrivateCopy(prefix: Array(prefix[head]), byteCount: data.count, pool: pool, reservation)
        let region = Region(
            byteOffset: run.lowerBound + data.lowerBound - prefix.count,
            itemByteCount: data.count,
            axes: []
        )
        let snapshot = try target.segment.snapshot([SnapshotPart(region, into: copy.data)], until: context.deadline)
        guard asked.applies(to: target.open.tag(snapshot.sequence).text(format.tagSuffix)) else { return nil }
        var fields = self.fields(of: snapshot, target, format) + Self.fields(try Self.array(excerpt, format), format)
        fields.append(Self.contentRange(range, total))
        return Response(status: 206, headers: fields, body: copy.body())
    }

    /// Cuts the run that `Range` asks for out of an answer that is complete, and that accepts ranges.
    static func cut(_ response: consuming Response, _ exchange: Exchange) throws -> Response {
        guard response.status == 200, let asked = ByteRange(exchange), response.value(of: "Accept-Ranges") != nil,
            let bytes = response.body.bytes, asked.applies(to: response.value(of: "ETag") ?? "")
        else { return response }
        guard let range = asked.resolve(bytes.count) else {
            response.body.discard()
            throw unsatisfiable(bytes.count)
        }
        response.status = 206
        response.headers.append(contentRange(range, bytes.count))
        response.body = response.body.cut(to: range)
        return response
    }

    /// The field that says which bytes of how many an answer has.
    static func contentRange(_ range: Range<Int>, _ total: Int) -> (StaticString, String) {
        ("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(total)")
    }

    /// The problem of a range that has no byte of so many.
    static func unsatisfiable(_ total: Int) -> Problem {
        Problem(
            .rangeNotSatisfiable,
            "expected a range of the \(total) bytes that there are",
            headers: [("Content-Range", "bytes */\(total)")]
        )
    }
}

extension Response {
    /// What a header field says.
    func value(of name: String) -> String? { headers.value(of: name) }
}

extension [(StaticString, String)] {
    /// What a header field says.
    func value(of name: String) -> String? { first { $0.0.description == name }?.1 }
}

extension Response.Body {
    /// The bytes, where there are some.
    var bytes: UnsafeRawBufferPointer? {
        switch self {
        case .allocated(let bytes): UnsafeRawBufferPointer(bytes)
        case .pinned(let bytes, _), .fixed(let bytes): bytes
        case .empty, .length, .made, .streamed, .live, .unknownLength: nil
        }
    }

    /// A run of the bytes, which takes over their memory.
    fileprivate func cut(to range: Range<Int>) -> Response.Body {
        switch self {
        case .allocated(let bytes):
            .pinned(UnsafeRawBufferPointer(rebasing: bytes[range]), owner: OwnedBytes(bytes))
        case .pinned(let bytes, let owner): .pinned(UnsafeRawBufferPointer(rebasing: bytes[range]), owner: owner)
        case .fixed(let bytes): .fixed(UnsafeRawBufferPointer(rebasing: bytes[range]))
        case .empty, .length, .made, .streamed, .live, .unknownLength: self
        }
    }

    /// Gives the memory of a body back that is not sent.
    func discard() {
        if case .allocated(let bytes) = self { free(bytes.baseAddress) }
    }
}
