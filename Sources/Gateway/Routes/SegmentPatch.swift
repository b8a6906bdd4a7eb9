internal import Documents
internal import MicroHTTP
internal import Segments

/// The body of `PATCH /segments/{name}`, a merge patch (RFC 7396): read and checked, but not yet carried out.
struct SegmentPatch {
    let change: SegmentChange

    /// The media types of the body.
    private static let types = ["application/merge-patch+json", "application/json"]

    /// Refuses a body of another type before it has come.
    static func check(_ exchange: Exchange) throws(Problem) {
        let contentType = exchange.header("Content-Type")
        let type = contentType.map {
            ($0.split(separator: ";", omittingEmptySubsequences: false).first ?? "").trimmed.lowercased()
        }
        if let type, types.contains(type) { return }
        throw Problem(
            .unsupportedMediaType,
            "expected a Content-Type of \(types.joined(separator: " or ")), got \(contentType ?? "none")",
            headers: [("Accept-Patch", types.joined(separator: ", "))]
        )
    }

    /// Reads the members; null is what a segment has that says nothing of it: no end, no pin, `defaultMode`.
    ///
    /// A `ttl` counts from now.
    init(reading body: UnsafeRawBufferPointer, defaultMode: UInt32) throws {
        var reader = JSONReader(body)
        var change = SegmentChange()
        guard try reader.peek() == .object else { throw Problem(.invalidJSON, "expected a JSON object") }
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let value = try reader.value()
            switch key {
            case "ttl":
                let seconds = try CreationOrder.lifetime(value)
                change.expiresNs = seconds.map { Clock.unixNs() + Int64($0 * 1e9) } ?? 0
            case "mode": change.mode = value == .null ? defaultMode : try CreationOrder.mode(value)
            case "pinned": change.isPinned = value == .null ? false : try CreationOrder.flag(value, key)
            default:
                throw Problem(
                    .invalidLayout,
                    "expected ttl, mode and pinned, for all else is fixed at creation, got \"\(key)\""
                )
            }
        }
        try reader.finish()
        self.change = change
    }
}
