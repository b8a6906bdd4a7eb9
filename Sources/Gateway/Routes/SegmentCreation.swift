internal import Documents
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// `POST /segments`.
///
/// Everything is built under a temporary name and checked; only then does the segment get its own, at once and whole.
struct SegmentCreation {
    let catalog: Catalog
    let registry: LayoutRegistry
    /// Permission bits where the request says none.
    let defaultMode: UInt32

    /// Refuses a body of another type before it has come.
    static func check(_ exchange: Exchange) throws {
        let contentType = exchange.header("Content-Type")
        guard try Format.body(contentType) == .json else {
            throw Problem(
                .unsupportedMediaType,
                "expected a Content-Type of application/json, got \(contentType ?? "none")"
            )
        }
    }

    func create(_ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        try context.leaveEventThread(for: context.exchange.body.count)
        let order = try CreationOrder(reading: context.exchange.body, registry)
        let header = try SegmentHeader(layout: order.layout, attrs: order.attrs)
        try context.leaveEventThread(for: header.dataBytes)
        if !order.replaces, try catalog.directory.isTaken(order.name) {
            throw SegmentError.alreadyExists(order.name.description)
        }
        let contents = try order.contents(of: header)
        let json = header.json
        let draft = try json.withUnsafeBytes { bytes throws(SegmentError) in
            try SegmentDraft(
                in: catalog.directory,
                header: bytes,
                dataBytes: header.dataBytes,
                mode: order.mode ?? defaultMode,
                isReadOnly: order.isReadOnly,
                lifetimeSeconds: order.lifetimeSeconds
            )
        }
        try contents.write(to: draft)
        try draft.publish(as: order.name, replacing: order.replaces, until: context.deadline)
        catalog.forget(order.name)
        let description = try Description(catalog.segment(order.name))
        var answer = JSONWriter(capacity: 1_024)
        description.write(to: &answer)
        let fields: [(StaticString, String)] = [
            ("Location", "/segments/\(order.name)"), ("ETag", description.tag.text()),
        ]
        return .json(answer.finish(), status: 201, headers: fields)
    }
}
