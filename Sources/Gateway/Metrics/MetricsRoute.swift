internal import Documents
internal import Layouts
internal import MicroHTTP
internal import Segments
internal import Synchronization

/// `GET /metrics`: what Prometheus asks for, with the right `admin` where there are rights.
struct MetricsRoute {
    let catalog: Catalog
    let requests: RequestMetrics
    /// Memory for answers.
    let snapshots: MemoryBudget
    /// Memory for bodies that come in.
    let uploads: MemoryBudget
    /// Who waits for changes.
    let events: EventHub

    /// The answer; made by a worker, for all segments are looked at.
    func answer(_ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        if !context.mayBlock { throw Deferral() }
        var text = MetricsText()
        writeRequests(&text)
        writeServer(context.exchange.serverFigures, &text)
        try writeSegments(&text)
        writeWaits(&text)
        writeEvents(&text)
        writeBudget(&text)
        writeProcess(&text)
        return .text(
            text.finish(),
            "text/plain; version=0.0.4; charset=utf-8",
            headers: [("Cache-Control", "no-cache")]
        )
    }

    private func writeRequests(_ text: inout MetricsText) {
        text.family(
            "shmgate_http_requests_total",
            .counter,
            "Requests answered; the route is empty where there was none."
        )
        for route in RouteKind.allCases {
            for (method, named) in RequestMetrics.methods.enumerated() {
                for (index, status) in RequestMetrics.statuses.enumerated() {
                    let count = requests.requests(route, method: method, status: index)
                    if count == 0 { continue }
                    let name = named == .other ? "other" : named.rawValue
                    text.sample(count, [("route", "\(route.text)"), ("method", name), ("status", "\(status)")])
                }
            }
        }
        text.family(
            "shmgate_http_request_duration_seconds",
            .histogram,
            "From the complete header block to the answer, by route."
        )
        for route in RouteKind.allCases {
            let (buckets, seconds) = requests.durations(route)
            var count = 0
            if buckets.allSatisfy({ $0 == 0 }) { continue }
            let label: (StaticString, String) = ("route", "\(route.text)")
            for (bucket, bound) in zip(buckets, RequestMetrics.bounds) {
                count += bucket
                text.sample(count, [label, ("le", "\(bound.text)")], suffix: "_bucket")
            }
            count += buckets.last ?? 0
            text.sample(count, [label, ("le", "+Inf")], suffix: "_bucket")
            text.sample(seconds, [label], suffix: "_sum")
            text.sample(count, [label], suffix: "_count")
        }
    }

    private func writeServer(_ figures: Server.Figures, _ text: inout MetricsText) {
        text.single(
            "shmgate_http_request_body_bytes_total",
            .counter,
            figures.receivedBytes,
            "Bytes of bodies that came."
        )
        text.single(
            "shmgate_http_response_body_bytes_total",
            .counter,
            figures.sentBytes,
            "Bytes of bodies that were given out to be sent."
        )
        text.single(
            "shmgate_http_requests_in_flight",
            .gauge,
            figures.activeRequests,
            "Requests without a whole answer."
        )
        text.single("shmgate_connections", .gauge, figures.connections, "Open connections.")
        text.single("shmgate_connections_limit", .gauge, figures.maxConnections, "How many connections may be open.")
        text.single(
            "shmgate_connections_accepted_total",
            .counter,
            figures.acceptedConnections,
            "Connections that were let in."
        )
        text.single(
            "shmgate_connections_refused_total",
            .counter,
            figures.refusedConnections,
            "Connections turned away, for as many as may be were open."
        )
        text.single("shmgate_workers", .gauge, figures.workers, "Threads for requests that may take long.")
        text.single("shmgate_workers_busy", .gauge, figures.busyWorkers, "Workers that have a request.")
        text.single("shmgate_worker_queue_length", .gauge, figures.queuedJobs, "Requests that wait for a worker.")
    }

    private func writeSegments(_ text: inout MetricsText) throws {
        var (count, bytes, damaged, broken) = (0, 0, 0, 0)
        for name in try catalog.directory.names() {
            do {
                let open = try catalog.segment(name)
                let isDamaged = try open.segment.vitals().isDamaged
                count += 1
                bytes += open.segment.totalBytes
                if isDamaged { damaged += 1 }
            } catch {
                if SegmentRoutes.isBroken(error) { broken += 1 }
            }
        }
        let capacity = try catalog.directory.capacity()
        text.single("shmgate_segments", .gauge, count, "Segments in the directory that the gateway may read.")
        text.single("shmgate_segments_bytes", .gauge, bytes, "Bytes of these segments, their headers included.")
        text.single("shmgate_segments_damaged", .gauge, damaged, "Segments that hold a half write.")
        text.single("shmgate_segments_corrupt", .gauge, broken, "Files with the magic of a segment that are none.")
        text.single("shmgate_tmpfs_size_bytes", .gauge, capacity.totalBytes, "Size of the directory's file system.")
        text.single("shmgate_tmpfs_free_bytes", .gauge, capacity.freeBytes, "What of it is free.")
        if let budget = catalog.budget { try writeLimits(budget, &text) }
    }

    /// What `--max-bytes`, `--max-segments` and `--quota` allow, and what is taken of it, by prefix.
    private func writeLimits(_ budget: SegmentBudget, _ text: inout MetricsText) throws {
        let usage = try budget.usage()
        func family(_ name: StaticString, _ help: StaticString, _ value: (SegmentLimit, SegmentUsage) -> Int?) {
            text.family(name, .gauge, help)
            for (limit, used) in zip(budget.limits, usage) {
                if let value = value(limit, used) { text.sample(value, [("prefix", limit.prefix)]) }
            }
        }
        family("shmgate_limit_bytes", "The most bytes of the segments with a prefix.") { limit, _ in limit.maxBytes }
        family("shmgate_limit_segments", "The most segments with a prefix.") { limit, _ in limit.maxCount }
        family("shmgate_limit_used_bytes", "Bytes of the segments with a prefix.") { $1.bytes }
        family("shmgate_limit_used_segments", "Segments with a prefix.") { $1.count }
    }

    private func writeWaits(_ text: inout MetricsText) {
        text.single(
            "shmgate_lock_waits_total",
            .counter,
            Int(Waits.count),
            "Waits for the lock of a segment, or for memory of a budget."
        )
        text.single(
            "shmgate_lock_wait_seconds_total",
            .counter,
            Double(Waits.totalNs) / 1e9,
            "How long these waits were."
        )
        let contention = SnapshotContention.now
        text.single(
            "shmgate_snapshot_retries_total",
            .counter,
            contention.discardedCopies,
            "Copies thrown away because a writer was faster."
        )
        text.single(
            "shmgate_snapshot_locked_total",
            .counter,
            contention.lockedSnapshots,
            "Snapshots that had to take the lock."
        )
        let interrupted = InterruptedWriters.now
        text.family(
            "shmgate_interrupted_writers_total",
            .counter,
            "Writers found dead in a write, by whether a journal completed it or the segment is damaged."
        )
        text.sample(interrupted.completed, [("outcome", "completed")])
        text.sample(interrupted.damaging, [("outcome", "damaged")])
    }

    private func writeEvents(_ text: inout MetricsText) {
        let (threads, segments) = events.waiting
        text.single(
            "shmgate_event_watchers",
            .gauge,
            events.figures.watchers.load(ordering: .relaxed),
            "Requests that wait for a change: event streams and long polls."
        )
        text.single(
            "shmgate_events_sent_total",
            .counter,
            events.figures.sent.load(ordering: .relaxed),
            "Events that were given out to be sent."
        )
        text.single("shmgate_event_threads", .gauge, threads, "Threads that wait for segments to change.")
        text.single("shmgate_event_segments", .gauge, segments, "Segments that they wait for.")
    }

    private func writeBudget(_ text: inout MetricsText) {
        text.single("shmgate_snapshots_in_flight", .gauge, snapshots.holderCount, "Answers that hold memory.")
        text.single("shmgate_snapshot_memory_bytes", .gauge, snapshots.usedBytes, "Memory that answers hold.")
        text.single("shmgate_snapshot_memory_limit_bytes", .gauge, snapshots.limit, "How much they may hold.")
        text.single("shmgate_uploads_in_flight", .gauge, uploads.holderCount, "Bodies that are counted, beyond 64 KiB.")
        text.single("shmgate_upload_memory_bytes", .gauge, uploads.usedBytes, "Memory that bodies hold.")
        text.single("shmgate_upload_memory_limit_bytes", .gauge, uploads.limit, "How much they may hold.")
    }

    private func writeProcess(_ text: inout MetricsText) {
        text.family("shmgate_build_info", .gauge, "The version that runs; always 1.")
        text.sample(1, [("version", Version.current)])
        guard let process = ProcessFigures.now else { return }
        text.single("process_resident_memory_bytes", .gauge, process.residentBytes, "Memory in RAM, segments included.")
        text.single("process_virtual_memory_bytes", .gauge, process.virtualBytes, "Mapped addresses.")
        text.single("process_cpu_seconds_total", .counter, process.cpuSeconds, "Processor time of all threads.")
        text.single("process_start_time_seconds", .gauge, process.startSeconds, "Unix time of the start.")
    }
}
