internal import Documents
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// Creating segments.
///
/// Everything is built under a temporary name and checked; only then does the segment get its own, at once and whole.
struct SegmentCreation {
    let catalog: Catalog
    let registry: LayoutRegistry
    /// Permission bits where the request says none.
    let defaultMode: UInt32
    /// The most bytes that a body may unpack to.
    let maxBodyBytes: Int
    /// What private copies take of.
    let budget: MemoryBudget

    /// `POST /segments`.
    func create(_ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        // Reserving memory takes a while however small the body is.
        if !context.mayBlock { throw Deferral() }
        let order = try CreationOrder(reading: context.exchange.body, registry)
        context.note([order.name])
        try context.grant.requireCreation(of: order.name, replacing: order.replaces)
        if !order.replaces, try catalog.directory.isTaken(order.name) {
            throw SegmentError.alreadyExists(order.name.description)
        }
        let (draft, share) = try draft(order, context)
        defer { withExtendedLifetime(share) {} }
        let isReplaced = try draft.publish(
            as: order.name,
            replacing: order.replaces,
            pinned: order.isPinned,
            until: context.deadline
        )
        context.note([order.name], replacing: isReplaced)
        return try answer(order.name, draft, isPinned: order.isPinned, status: 201)
    }

    /// `PUT /segments/{name}`: from layout JSON, an array from npy, or a dataframe from Arrow.
    ///
    /// `If-None-Match: *` creates only, `If-Match` replaces only, `replace=true` does either.
    func put(_ name: SegmentName, _ query: Query, _ context: RequestContext) throws -> Response {
        var query = query
        let asksToReplace = try query.take("replace", from: [("false", false), ("true", true)], default: false)
        try query.finish()
        let exchange = context.exchange
        let match = try TagCondition(exchange.headers("If-Match"), allowsWeak: false)
        let noneMatch = try TagCondition(exchange.headers("If-None-Match"), allowsWeak: true)
        if !context.mayBlock { throw Deferral() }
        let format = try Format.body(exchange.header("Content-Type"))
        let order = format == .json ? try CreationOrder(reading: exchange.body, registry, name: name) : nil
        let mayReplace = asksToReplace || order?.replaces == true
        try context.grant.requireCreation(of: name, replacing: mayReplace || match != nil)
        if match == nil, try catalog.directory.isTaken(name) {
            if let noneMatch, noneMatch.isAny || mayReplace {
                throw SegmentError.preconditionFailed("expected no segment \(name), for If-None-Match asks for that")
            }
            if !mayReplace { throw SegmentError.alreadyExists(name.description) }
        }
        if format == .raw { throw Self.unsupported(exchange) }
        let (draft, share) =
            try order.map { try self.draft($0, context) }
            ?? (format == .npy ? npy(name, exchange, context) : table(name, context, format))
        defer { withExtendedLifetime(share) {} }
        let isReplaced: Bool
        do throws(SegmentError) {
            isReplaced = try draft.publish(
                as: name,
                replacing: noneMatch == nil && (match != nil || mayReplace),
                mustExist: match != nil,
                pinned: order?.isPinned ?? false,
                until: context.deadline
            ) { old throws(SegmentError) in
                guard let match else { return }
                guard let old else {
                    throw .preconditionFailed("expected a segment that If-Match names, it is corrupt and has no tag")
                }
                let tag = EntityTag(uuid: old.uuid, sequence: try old.sequence())
                if !match.matches(tag) {
                    throw .preconditionFailed("expected a segment that If-Match names, it is \(tag.text()) now")
                }
            }
        } catch {
            guard let noneMatch, noneMatch.isAny, case .alreadyExists = error else { throw error }
            throw SegmentError.preconditionFailed("expected no segment \(name), another creator was faster")
        }
        return try answer(name, draft, isPinned: order?.isPinned ?? false, status: isReplaced ? 200 : 201)
    }

    /// A segment that is being made, and its room in the budget, if there is one.
    private typealias CountedDraft = (draft: SegmentDraft, share: BudgetShare?)

    private func draft(_ order: CreationOrder, _ context: RequestContext) throws -> CountedDraft {
        let header = try SegmentHeader(layout: order.layout, attrs: order.attrs)
        let contents = try order.contents(of: header)
        let counted = try draft(
            header,
            for: order.name,
            mode: order.mode ?? defaultMode,
            isReadOnly: order.isReadOnly,
            lifetimeSeconds: order.lifetimeSeconds,
            context
        )
        try contents.write(to: counted.draft)
        return counted
    }

    private func npy(_ name: SegmentName, _ exchange: Exchange, _ context: RequestContext) throws -> CountedDraft {
        let npy = try NpyHeader(reading: exchange.body)
        let layout = NdarrayLayout(dtype: npy.dtype, shape: npy.shape)
        let header = try SegmentHeader(layout: LayoutNode(layout), attrs: "{}")
        let body = RequestBody(place: .memory(exchange), format: .npy)
        let part = Excerpt.Part(number: 0, type: .init(dtype: npy.dtype), shape: npy.shape)
        let room = try WriteRoom(budget, for: 0, until: context.deadline)
        defer { withExtendedLifetime(room) {} }
        let bytes = try BinaryBody(body).bytes(for: part, in: room)
        let counted = try draft(header, for: name, mode: defaultMode, isReadOnly: false, lifetimeSeconds: nil, context)
        let place = Region(byteOffset: header.arrays[0].byteOffset, itemByteCount: bytes.count, axes: [])
        try counted.draft.fill(place, from: bytes)
        return counted
    }

    private func table(_ name: SegmentName, _ context: RequestContext, _ format: Format) throws -> CountedDraft {
        let table = try ArrowBody(reading: context.exchange.body, asFile: format == .arrowFile, limit: maxBodyBytes)
        let (layout, attrs) = try table.frame(limit: maxBodyBytes)
        let header = try SegmentHeader(layout: LayoutNode(layout), attrs: attrs)
        let needed = header.dataBytes.addedClamped(table.unpackedByteCount)
        let room = try WriteRoom(budget, for: needed, until: context.deadline)
        defer { withExtendedLifetime(room) {} }
        let contents = try Contents(of: header, from: table)
        let counted = try draft(header, for: name, mode: defaultMode, isReadOnly: false, lifetimeSeconds: nil, context)
        try contents.write(to: counted.draft)
        return counted
    }

    /// For a segment that was made, and cannot be described: somebody unlinked it, or its mode lets nobody read it.
    private static func shortAnswer(_ name: SegmentName, _ draft: SegmentDraft, _ status: Int) -> Response {
        var json = JSONWriter()
        json.beginObject()
        json.key("name")
        json.string(name.description)
        json.key("uuid")
        json.string(draft.uuid.description)
        json.endObject()
        return .json(json.finish(), status: status, headers: [("Location", "/segments/\(name)")])
    }

    private func draft(
        _ header: SegmentHeader,
        for name: SegmentName,
        mode: UInt32,
        isReadOnly: Bool,
        lifetimeSeconds: Double?,
        _ context: RequestContext
    ) throws -> CountedDraft {
        let json = header.json
        let totalBytes = try SegmentDraft.totalBytes(headerBytes: json.count, dataBytes: header.dataBytes)
        let share = try catalog.budget?.reserve(totalBytes, for: name, seeing: context.grant.prefix)
        let draft = try json.withUnsafeBytes { bytes throws(SegmentError) in
            try SegmentDraft(
                in: catalog.directory,
                header: bytes,
                dataBytes: header.dataBytes,
                mode: mode,
                isReadOnly: isReadOnly,
                lifetimeSeconds: lifetimeSeconds
            )
        }
        return (draft, share)
    }

    private func answer(
        _ name: SegmentName,
        _ draft: SegmentDraft,
        isPinned: Bool,
        status: Int
    ) throws -> Response {
        catalog.forget(name)
        if isPinned { catalog.pins?.look(at: name) }
        // It has its name: whatever keeps it from being described, an error would say that there is none.
        guard let description = try? catalog.description(of: catalog.segment(name)) else {
            return Self.shortAnswer(name, draft, status)
        }
        var answer = JSONWriter(capacity: 1_024)
        description.write(to: &answer)
        let fields: [(StaticString, String)] = [
            ("Location", "/segments/\(name)"), ("ETag", description.tag.text()),
        ]
        return .json(answer.finish(), status: status, headers: fields)
    }
}
