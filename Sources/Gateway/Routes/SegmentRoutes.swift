internal import Documents
internal import Glibc
internal import Layouts
internal import MicroHTTP
internal import Segments

/// Describing, listing, changing, repairing and unlinking segments.
struct SegmentRoutes {
    let catalog: Catalog

    /// `GET /segments/{name}`.
    ///
    /// Who is attached changes without a write, so an answer that says it has no tag and is never kept.
    func describe(_ name: SegmentName, _ query: Query, _ context: RequestContext) throws -> Response {
        var query = query
        let asksWhoIsAttached = try query.takeAttached()
        try query.finish()
        if asksWhoIsAttached, !context.mayBlock { throw Deferral() }
        let open = try catalog.segment(name, mayBlock: context.mayBlock)
        try context.leaveEventThread(for: open.segment.dataOffset * 8)
        var description = try catalog.description(of: open)
        let tag = description.tag.text()
        let condition = try TagCondition(context.exchange.headers("If-None-Match"), allowsWeak: true)
        if asksWhoIsAttached {
            try findAttached(&description, context)
            var json = JSONWriter(capacity: 1_024)
            description.write(to: &json)
            return .json(json.finish(), headers: [("Cache-Control", "no-store")])
        }
        let fields: [(StaticString, String)] = [("ETag", tag), ("Cache-Control", "no-cache")]
        if let known = condition?.match(tag) {
            return Response(status: 304, headers: [("ETag", known), ("Cache-Control", "no-cache")])
        }
        let facts = description.facts
        if let known = open.lastDescription.answer(facts) { return known }
        var json = JSONWriter(capacity: 1_024)
        description.write(to: &json)
        let answer = Response.json(json.finish(), headers: fields)
        return open.lastDescription.note(answer, facts, in: catalog.descriptions)
    }

    /// `GET /segments`: a page of descriptions in the order of the names.
    func list(_ query: Query, _ context: RequestContext) throws -> Response {
        var query = query
        let prefix = query.take("prefix") ?? ""
        let after = try query.take("after").map { $0.isEmpty ? "" : try SegmentName($0).description } ?? ""
        let limit = try query.take("limit", in: 1...100_000, default: 1_000)
        let asksWhoIsAttached = try query.takeAttached()
        try query.finish()
        if !context.mayBlock { throw Deferral() }
        let names = try catalog.directory.names().filter { name in
            name.description.hasPrefix(prefix) && name.description > after && context.grant.covers(name)
        }
        var json = JSONWriter(capacity: 4_096)
        json.beginObject()
        json.key("segments")
        json.beginArray()
        var count = 0
        var last: SegmentName?
        var next: SegmentName?
        for name in names {
            if count == limit {
                // Only now is it known that the page is not the last one.
                if isListed(name) {
                    next = last
                    break
                }
                continue
            }
            if var description = describe(name) {
                if asksWhoIsAttached, case .whole(var whole) = description {
                    try findAttached(&whole, context)
                    description = .whole(whole)
                }
                description.write(to: &json)
                count += 1
                last = name
            }
        }
        json.endArray()
        json.key("next")
        if let next { json.string(next.description) } else { json.null() }
        let capacity = try catalog.directory.capacity()
        json.key("capacity")
        json.beginObject()
        json.key("total_bytes")
        json.integer(Int64(capacity.totalBytes))
        json.key("free_bytes")
        json.integer(Int64(capacity.freeBytes))
        if let budget = catalog.budget { try write(budget, to: &json, seenBy: context.grant) }
        json.endObject()
        json.endObject()
        return .json(json.finish(), headers: [("Cache-Control", asksWhoIsAttached ? "no-store" : "no-cache")])
    }

    /// The limits that are about names which the grant covers, all or some of them.
    ///
    /// What is used of one that is about other names too is null: it would tell what others do.
    private func write(_ budget: SegmentBudget, to json: inout JSONWriter, seenBy grant: Grant) throws {
        json.key("limits")
        json.beginArray()
        for (limit, used) in zip(budget.limits, try budget.usage()) where limit.concerns(grant.prefix) {
            let isTold = limit.isWithin(grant.prefix)
            json.beginObject()
            json.key("prefix")
            json.string(limit.prefix)
            for (key, number) in [
                ("max_bytes", limit.maxBytes), ("max_segments", limit.maxCount),
                ("used_bytes", isTold ? used.bytes : nil), ("used_segments", isTold ? used.count : nil),
            ] {
                json.key(key)
                if let number { json.integer(Int64(number)) } else { json.null() }
            }
            json.endObject()
        }
        json.endArray()
    }

    private func findAttached(_ description: inout Description, _ context: RequestContext) throws {
        description.attachment = try catalog.attachments.attachment(
            of: description.open.segment,
            status: description.status,
            until: context.deadline
        )
    }

    /// `PATCH /segments/{name}`: what may be changed besides the data, all or nothing.
    func change(
        _ name: SegmentName,
        _ query: Query,
        _ context: RequestContext,
        defaultMode: UInt32
    ) throws -> Response {
        try query.finish()
        let condition = try WriteCondition(context.exchange)
        let patch = try SegmentPatch(reading: context.exchange.body, defaultMode: defaultMode)
        let open = try catalog.segment(name, mayBlock: context.mayBlock)
        try context.leaveEventThread(for: open.segment.dataOffset * 8)
        try open.segment.change(patch.change, until: context.deadline) { sequence throws(SegmentError) in
            try condition.check(open.tag(sequence))
        }
        // By what is open: its mode may keep even us from opening it again.
        let description = try catalog.description(of: open)
        let fields: [(StaticString, String)] = [("ETag", description.tag.text()), ("Cache-Control", "no-cache")]
        var json = JSONWriter(capacity: 1_024)
        description.write(to: &json)
        return .json(json.finish(), headers: fields)
    }

    /// `DELETE /segments/{name}`.
    func unlink(_ name: SegmentName, _ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        let condition = try WriteCondition(context.exchange)
        try catalog.directory.unlink(name, until: context.deadline) { segment throws(SegmentError) in
            guard let segment else { return try condition.check(nil) }
            try condition.check(EntityTag(uuid: segment.uuid, sequence: try segment.sequence()))
        }
        catalog.forget(name)
        return Response(status: 204)
    }

    /// `POST /segments/{name}/repair`.
    func repair(_ name: SegmentName, _ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        let condition = try WriteCondition(context.exchange)
        let open = try catalog.segment(name, mayBlock: context.mayBlock)
        let sequence = try open.segment.repair(until: context.deadline) { sequence throws(SegmentError) in
            try condition.check(open.tag(sequence))
        }
        return Response(status: 204, headers: [("ETag", open.tag(sequence).text())])
    }

    /// What a list says of a name; nil for what is no segment, or none of this user.
    private func describe(_ name: SegmentName) -> ListEntry? {
        do {
            return .whole(try catalog.description(of: catalog.segment(name)))
        } catch {
            return Self.isBroken(error) ? .corrupt(name) : nil
        }
    }

    private func isListed(_ name: SegmentName) -> Bool {
        do {
            _ = try catalog.segment(name)
            return true
        } catch {
            return Self.isBroken(error)
        }
    }

    /// Whether the file has the magic and still cannot be read.
    static func isBroken(_ error: any Error) -> Bool {
        switch error {
        case SegmentError.corrupt, SegmentError.unsupportedFormat, LayoutError.corrupt: true
        default: false
        }
    }
}

/// One element of a list.
private enum ListEntry {
    case whole(Description)
    case corrupt(SegmentName)

    func write(to json: inout JSONWriter) {
        switch self {
        case .whole(let description): description.write(to: &json)
        case .corrupt(let name):
            json.beginObject()
            json.key("name")
            json.string(name.description)
            json.key("corrupt")
            json.bool(true)
            json.endObject()
        }
    }
}

extension Query {
    /// Takes the parameter that asks who maps the segments.
    fileprivate mutating func takeAttached() throws(Problem) -> Bool {
        try take("attached", from: [("true", true), ("false", false)], default: false)
    }
}

extension Response {
    /// A JSON answer, perhaps one that took of a budget.
    static func json(
        _ body: consuming ByteBuffer,
        status: Int = 200,
        headers: [(StaticString, String)],
        in room: TextRoom = TextRoom(),
        countedBy reservation: MemoryReservation? = nil
    ) -> Response {
        text(body, "application/json", status: status, headers: headers, in: room, countedBy: reservation)
    }

    /// An answer of text of a media type.
    static func text(
        _ body: consuming ByteBuffer,
        _ mediaType: String,
        status: Int = 200,
        headers: [(StaticString, String)],
        in room: TextRoom = TextRoom(),
        countedBy reservation: MemoryReservation? = nil
    ) -> Response {
        Response(
            status: status,
            headers: [("Content-Type", mediaType)] + headers,
            body: room.body(body, countedBy: reservation)
        )
    }
}
