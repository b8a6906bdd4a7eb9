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
        let order = try CreationOrder(reading: context.exchange.body)
        let header = try SegmentHeader(layout: order.layout, attrs: order.attrs)
        try context.leaveEventThread(for: header.dataBytes)
        if !order.replaces, try catalog.directory.isTaken(order.name) {
            throw SegmentError.alreadyExists(order.name.description)
        }
        let contents = try order.contents(of: header)
        let json = header.json
        guard json.count <= 16 << 20 else {
            throw Problem(.tooLarge, "expected a header of at most \(16 << 20) bytes, got \(json.count)")
        }
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
        try contents.write(to: draft, header)
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

/// What a new segment holds at first.
enum Contents {
    case zero
    case element([UInt8])
    case array(ByteSource)

    func write(to draft: SegmentDraft, _ header: SegmentHeader) throws(SegmentError) {
        guard let values = header.arrays.first else { return }
        let range = values.byteOffset..<(values.byteOffset + values.byteCount)
        switch self {
        case .zero: return
        case .element(let bytes):
            let filled: Result<Void, SegmentError> = bytes.withUnsafeBytes { raw in
                Result { () throws(SegmentError) in try draft.fill(range, repeating: raw) }
            }
            try filled.get()
        case .array(let source):
            try draft.fill(Region(byteOffset: range.lowerBound, itemByteCount: range.count, axes: []), from: source)
        }
    }
}
