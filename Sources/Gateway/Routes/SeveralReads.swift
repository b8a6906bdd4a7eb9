internal import Documents
internal import Layouts
internal import MicroHTTP
internal import Segments

/// `POST /query`: several reads, each of which is answered as a GET would be, and is a snapshot by itself.
///
/// All of them are found and judged before the first byte is copied. What they need together is reserved at once, so
/// that a request which has a part of it never waits for the rest.
struct SeveralReads {
    let reading: DataReading

    /// The most bytes of a body.
    static let mostBodyBytes = 16 << 20
    /// So many reads may stand in one body.
    private static let mostReads = 1_000

    private static let mediaTypes = ["application/json", "multipart/mixed"]

    /// One of the reads: where it stood, and what it is.
    private struct Part {
        let place: ListPlace
        let name: SegmentName
        /// `member` as it was given.
        let member: String?
        let read: PlannedRead
    }

    /// Refuses conditions: nothing that this resource answers has a tag, so none can hold.
    static func check(_ exchange: Exchange) throws(Problem) {
        if exchange.header("If-Match") == nil { return }
        throw Problem(.preconditionFailed, "expected no If-Match, for a query has no tag; each read has one of its own")
    }

    /// Answers with one JSON document or, where the client or the formats want that, with a part for each read.
    func answer(_ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        let exchange = context.exchange
        try context.leaveEventThread(for: exchange.body.count)
        let parts = try plan(exchange.body, context)
        let isMultipart = try choosesMultipart(parts, exchange.headers("Accept"))
        let reservation = try reserve(parts, context)
        var answers: [Response] = []
        do {
            for part in parts {
                answers.append(try part.place.located { try reading.carryOut(part.read, reservation, context) })
            }
        } catch {
            for answer in answers { answer.body.discard() }
            throw error
        }
        return isMultipart ? multipart(answers) : json(parts, answers)
    }

    private func plan(_ body: UnsafeRawBufferPointer, _ context: RequestContext) throws -> [Part] {
        var parts: [Part] = []
        var values = 0
        let objects = try Self.objects(body)
        try context.leaveEventThread(forParts: objects.count)
        for (index, object) in objects.enumerated() {
            let place = ListPlace(list: "reads", index: index)
            let part = try place.located {
                var object = object
                let member: String? = if case .string(let text)? = object["member"] { text } else { nil }
                let request = try ReadRequest(&object)
                try context.grant.require(.read, on: request.name)
                let read = try reading.plan(request, accept: [], context)
                try read.requireModest()
                return Part(place: place, name: request.name, member: member, read: read)
            }
            if part.read.format.isText { values = values.addedClamped(part.read.excerpt.textCount) }
            guard values <= PlannedRead.mostValues else {
                throw Problem(.tooLarge, "expected at most \(PlannedRead.mostValues) values as text together, got more")
            }
            parts.append(part)
        }
        return parts
    }

    private static func objects(_ body: UnsafeRawBufferPointer) throws -> [JSONObject] {
        var reader = JSONReader(body)
        guard try reader.peek() == .object else { throw Problem(.invalidJSON, "expected an object with reads") }
        var objects: [JSONObject]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            guard key == "reads" else { throw Problem(.invalidJSON, "expected nothing beside reads, got \"\(key)\"") }
            guard try reader.peek() == .array else { throw Problem(.invalidJSON, "expected reads as a list") }
            var list: [JSONObject] = []
            try reader.beginArray()
            while try reader.nextElement() {
                guard case .object(let object) = try reader.value() else {
                    throw Problem(.invalidJSON, "expected each read as an object, reads[\(list.count)] is none")
                }
                guard list.count < mostReads else {
                    throw Problem(.tooLarge, "expected at most \(mostReads) reads, got more")
                }
                list.append(object)
            }
            objects = list
        }
        try reader.finish()
        guard let objects else { throw Problem(.invalidJSON, "expected an object with reads") }
        return objects
    }

    /// Whether the answer has parts: `Accept` decides, among what can hold the formats of all reads.
    private func choosesMultipart(_ parts: [Part], _ accept: [String]) throws -> Bool {
        let other = parts.first { $0.read.format != .json }
        let types = other == nil ? Self.mediaTypes : [Self.mediaTypes[1]]
        if let choice = MediaRange.preferred(of: types, by: accept) { return types[choice] == Self.mediaTypes[1] }
        let why = other.map { ", for \($0.place) asks for \($0.read.format.rawValue)" } ?? ""
        throw Problem(
            .notAcceptable,
            "expected \(types.joined(separator: " or "))\(why), got Accept: \(accept.joined(separator: ", "))"
        )
    }

    /// Takes the memory for all parts.
    ///
    /// What a GET may have alone, more than the whole budget, several reads may not: they could add up to anything.
    private func reserve(_ parts: [Part], _ context: RequestContext) throws -> MemoryReservation? {
        let needed = parts.reduce(0) { $0.addedClamped($1.read.neededBytes) }
        let limit = reading.pool.budget.limit
        if parts.count > 1, needed > limit {
            throw Problem(
                .tooLarge,
                "expected reads that need at most \(limit) bytes of memory together, they need \(needed)"
            )
        }
        let moved = parts.reduce(0) { $0.addedClamped($1.read.movedBytes) }
        try context.leaveEventThread(for: moved)
        return try reading.pool.budget.require(needed, until: context.deadline)
    }

    private static let fields: [(StaticString, String)] = [
        ("Vary", "Accept, Accept-Encoding"), ("Cache-Control", "no-cache"),
    ]

    /// `{"reads": [{"segment", "member", "etag", "damaged", "value"}]}`, in the order of the request.
    private func json(_ parts: [Part], _ answers: [Response]) -> Response {
        let body = PiecewiseBody()
        for (index, (part, answer)) in zip(parts, answers).enumerated() {
            // The value itself, which ends the object, is the body of the answer.
            var text = ByteBuffer()
            text.append(index == 0 ? "{\"reads\":[{\"segment\":" : "},{\"segment\":")
            text.appendJSON(part.name.description)
            if let member = part.member {
                text.append(",\"member\":")
                text.appendJSON(member)
            }
            text.append(",\"etag\":")
            text.appendJSON(answer.value(of: "ETag") ?? "")
            text.append(answer.value(of: "Shm-Damaged") == nil ? ",\"damaged\":false" : ",\"damaged\":true")
            text.append(",\"value\":")
            body.append(text)
            body.append(answer.body)
        }
        body.append(.fixed(parts.isEmpty ? Self.emptyList : Self.endOfList))
        return Response(
            status: 200,
            headers: [("Content-Type", Self.mediaTypes[0])] + Self.fields,
            body: .made(body)
        )
    }

    private static var emptyList: UnsafeRawBufferPointer { literal("{\"reads\":[]}") }
    private static var endOfList: UnsafeRawBufferPointer { literal("}]}") }

    private static func literal(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// A part for each read (RFC 2046), in the order of the request, with the fields of its GET.
    ///
    /// The boundary is 122 random bits; nobody can put it into the data.
    private func multipart(_ answers: [Response]) -> Response {
        let boundary = "shmgate-\(UUID.random())"
        let body = PiecewiseBody()
        for (index, answer) in answers.enumerated() {
            var head = ByteBuffer()
            head.append("\(index == 0 ? "" : "\r\n")--\(boundary)\r\nContent-ID: <\(index)@reads>\r\n")
            for (name, value) in answer.headers where !Self.isOfWhole(name.description) {
                head.append("\(name): \(value)\r\n")
            }
            head.append("Content-Length: \(answer.body.count ?? 0)\r\n\r\n")
            body.append(head)
            body.append(answer.body)
        }
        var end = ByteBuffer()
        end.append("\(answers.isEmpty ? "" : "\r\n")--\(boundary)--\r\n")
        body.append(end)
        return Response(
            status: 200,
            headers: [("Content-Type", "\(Self.mediaTypes[1]); boundary=\(boundary)")] + Self.fields,
            body: .made(body)
        )
    }

    /// Whether a field is about the answer as a whole, and not about a part of it.
    private static func isOfWhole(_ name: String) -> Bool {
        ["Vary", "Cache-Control", "Accept-Ranges"].contains(name)
    }
}
