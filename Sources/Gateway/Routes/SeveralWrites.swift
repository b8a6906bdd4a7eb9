internal import Documents
internal import MicroHTTP
internal import Segments

/// `POST /patch`: writes over several segments, all of them or none.
///
/// The patches of one segment are one write of it. Those of several are one joint write, which a gateway that is killed
/// leaves done or not done in all of them.
struct SeveralWrites {
    let catalog: Catalog
    /// What private copies take of.
    let budget: MemoryBudget

    /// So many segments may be locked by one request.
    private static let mostSegments = 1_000

    /// What is written to one of the segments, and what its patches demand of it.
    private struct Target {
        var list: PatchList
        var conditions: [(place: ListPlace, tags: TagCondition)] = []
        /// The first of its patches.
        let place: ListPlace

        /// Refuses a write to a segment whose tag is another one than one of its patches expects.
        func check(_ tag: EntityTag) throws(LocatedError) {
            for (place, tags) in conditions where !tags.matches(tag) {
                let text = "expected a segment that if_match names, it is \(tag.text()) now"
                throw LocatedError(place: place, cause: SegmentError.preconditionFailed(text))
            }
        }

        /// Says that an error is about its patches; that shared memory is full is about all.
        func located(_ error: SegmentError) -> any Error {
            if case .outOfSpace = error { return error }
            return LocatedError(place: place, cause: error)
        }
    }

    /// Refuses conditions: this resource has no tag, so none can hold.
    static func check(_ exchange: Exchange) throws(Problem) {
        if exchange.header("If-Match") == nil { return }
        throw Problem(.preconditionFailed, "expected if_match in each patch, for the request as a whole has no tag")
    }

    /// Answers 204 when all is written.
    func write(_ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        let body = context.exchange.body
        try context.leaveEventThread(for: body.count)
        let targets = try self.targets(body, context)
        context.note(targets.map(\.list.open.segment.name))
        // Refused before the values are read; what counts is the check under the locks.
        for target in targets { try target.check(target.list.open.tag()) }
        let hasConditions = targets.contains { $0.list.hasConditions }
        if hasConditions, !context.mayBlock { throw Deferral() }
        try context.leaveEventThread(for: targets.reduce(0) { $0.addedClamped($1.list.byteCount) })
        let early = hasConditions ? 0 : targets.reduce(0) { $0.addedClamped($1.list.byteCount) }
        let room = try WriteRoom(budget, for: early, until: context.deadline)
        switch targets.count {
        case 0: break
        case 1: try writeOne(targets[0], room, context)
        default: try writeAll(targets, hasConditions, room, context)
        }
        return Response(status: 204)
    }

    /// An ordinary write, which needs no memory if it is small.
    private func writeOne(_ target: Target, _ room: WriteRoom, _ context: RequestContext) throws {
        let list = target.list
        var failure: (any Error)?
        do {
            let early = list.hasConditions ? nil : try list.prepared(isLocked: false, in: room)
            try list.open.segment.withWriteLock(until: context.deadline) { lock throws(SegmentError) in
                do {
                    try target.check(list.open.tag(lock.sequence))
                    _ = try lock.commit(try early ?? list.prepared(isLocked: true, in: room))
                } catch let error as SegmentError {
                    throw error
                } catch {
                    failure = error
                }
            }
        } catch let error as SegmentError {
            throw target.located(error)
        }
        if let failure { throw failure }
    }

    private func writeAll(
        _ targets: [Target],
        _ hasConditions: Bool,
        _ room: WriteRoom,
        _ context: RequestContext
    ) throws {
        let segments = targets.map(\.list.open.segment)
        do {
            let early = hasConditions ? nil : try joined(targets, isLocked: false, in: room)
            try catalog.directory.withWriteLocks(of: segments, until: context.deadline) { locks in
                for target in targets {
                    let open = target.list.open
                    try target.check(open.tag(locks.sequence(of: open.segment)))
                }
                try locks.commit(try early ?? joined(targets, isLocked: true, in: room))
            }
        } catch let failure as SegmentFailure {
            let target = targets.first { $0.list.open.segment === failure.segment }
            throw target?.located(failure.cause) ?? failure.cause
        }
    }

    private func joined(_ targets: [Target], isLocked: Bool, in room: WriteRoom) throws -> JointWrite {
        try JointWrite(targets.map { try $0.list.piece(isLocked: isLocked, in: room) })
    }

    /// The patches by the segments that they are for.
    private func targets(_ body: UnsafeRawBufferPointer, _ context: RequestContext) throws -> [Target] {
        var targets: [Target] = []
        var numbers: [UUID: Int] = [:]
        var partCount = 0
        let elements = try PatchElement.list(JSONReader(body))
        try context.leaveEventThread(forParts: elements.count)
        for element in elements {
            let place = element.place
            let number = try place.located {
                var object = element.object
                let name = try object.takeSegment()
                do {
                    try context.grant.require(.write, on: name)
                } catch {
                    context.note(targets.map(\.list.open.segment.name) + [name])
                    throw error
                }
                let open = try catalog.segment(name, mayBlock: context.mayBlock)
                let number = numbers[open.segment.uuid] ?? targets.count
                if number == targets.count {
                    guard number < Self.mostSegments else {
                        throw Problem(.tooLarge, "expected patches of at most \(Self.mostSegments) segments, got more")
                    }
                    numbers[open.segment.uuid] = number
                    targets.append(Target(list: PatchList(of: open), place: place))
                } else {
                    try Self.requireSame(open.segment, targets[number].list.open.segment, targets[number].place)
                }
                if let tags = try Self.condition(&object) { targets[number].conditions.append((place, tags)) }
                try targets[number].list.append(element, &object, context)
                try object.finish("a patch")
                return number
            }
            if let patch = targets[number].list.patches.last { try PatchList.count(patch, &partCount) }
        }
        return targets
    }

    /// Refuses a file that says to be a segment which another file is.
    ///
    /// Journals know segments by their uuids alone. One file under two names is one segment, and that is fine.
    private static func requireSame(_ segment: Segment, _ other: Segment, _ place: ListPlace) throws(SegmentError) {
        if segment.status.isSameFile(as: other.status) { return }
        throw .corrupt(
            "expected segments of different uuids, \(segment.name) is a copy of \(other.name), which \(place) is about"
        )
    }

    /// Takes `if_match`: what the header field of a PATCH would say, or a tag without its quotes.
    private static func condition(_ object: inout JSONObject) throws(Problem) -> TagCondition? {
        switch object.take("if_match") {
        case nil: return nil
        case .string(let text):
            let isBare = !text.contains("\"") && text != "*"
            do throws(Problem) {
                return try TagCondition([isBare ? "\"\(text)\"" : text], allowsWeak: false)
            } catch {
                throw Problem(.invalidJSON, error.detail)
            }
        default: throw Problem(.invalidJSON, "expected if_match, a tag, as a string")
        }
    }
}
