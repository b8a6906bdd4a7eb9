internal import Documents
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// `GET /segments/{name}/stats`: what the values of a selection are like, by one snapshot of them.
struct StatsReading {
    let reading: DataReading

    /// Answers a GET or HEAD.
    func read(_ name: SegmentName, path: [String], _ query: Query, _ context: RequestContext) throws -> Response {
        var query = query
        let request = try ReadRequest(name, path, statsOf: &query)
        try query.finish()
        let read = try reading.plan(request, accept: [], context)
        let exchange = context.exchange
        let match = try TagCondition(exchange.headers("If-Match"), allowsWeak: false)
        if let match, !match.matches(try read.target.open.tag()) {
            throw Problem(.preconditionFailed, "expected a segment that If-Match names, its tag is another one now")
        }
        if let known = try TagCondition(exchange.headers("If-None-Match"), allowsWeak: true),
            let unchanged = try notModified(read, known)
        {
            return unchanged
        }
        // Labels are read into memory; all else is looked at in a copy, whatever the size of its text.
        var neededBytes = read.copiedBytes
        if case .labels = read.excerpt {
            try read.requireModest()
            neededBytes = read.neededBytes
        }
        try context.leaveEventThread(for: neededBytes)
        let reservation = try reading.pool.budget.require(neededBytes, until: context.deadline)
        let copied = try reading.copied(read, reservation, context)
        var fields: [(StaticString, String)] = [("Cache-Control", "no-cache")]
        if let snapshot = copied.snapshot {
            fields.append(("ETag", read.target.open.tag(snapshot.sequence).text(Self.tagSuffix)))
            if snapshot.isDamaged { fields.append(("Shm-Damaged", "1")) }
        }
        var json = JSONWriter(capacity: 1_024)
        let places = copied.copy.places
        let writer = StatisticsJSON(options: read.form.options) { UnsafeRawPointer(places[$0]) }
        writer.write(copied.excerpt, to: &json)
        withExtendedLifetime(copied) {}
        return .json(json.finish(), headers: fields, countedBy: reservation)
    }

    private func notModified(_ read: PlannedRead, _ condition: TagCondition) throws -> Response? {
        let sequence = try read.target.segment.vitals().sequence
        guard sequence & 1 == 0, let known = condition.match(read.target.open.tag(sequence).text(Self.tagSuffix)) else {
            return nil
        }
        return Response(status: 304, headers: [("ETag", known), ("Cache-Control", "no-cache")])
    }

    private static let tagSuffix = "-stats"
}
