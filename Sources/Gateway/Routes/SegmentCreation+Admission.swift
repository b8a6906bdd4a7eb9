internal import MicroHTTP
internal import Representations
internal import Segments

/// What of a creation is refused before its body has come.
extension SegmentCreation {
    /// Refuses a body that is no JSON before it has come.
    static func check(_ exchange: Exchange) throws {
        let contentType = exchange.header("Content-Type")
        guard let contentType, case .json? = try? Format.body(contentType) else {
            throw Problem(
                .unsupportedMediaType,
                "expected a Content-Type of application/json, got \(contentType ?? "none")"
            )
        }
    }

    /// Refuses a PUT of another type before its body has come.
    static func checkPut(_ exchange: Exchange) throws {
        if try Format.body(exchange.header("Content-Type")) == .raw { throw unsupported(exchange) }
    }

    static func unsupported(_ exchange: Exchange) -> Problem {
        Problem(
            .unsupportedMediaType,
            "expected application/json, application/x-npy or Arrow, which say their shape, "
                + "got \(exchange.header("Content-Type") ?? "none")"
        )
    }

    /// Refuses a PUT that the limits leave no room for, as far as its header block tells.
    ///
    /// Only of a name that is free: in the place of a segment the new one may be smaller than what is there.
    static func checkRoom(
        _ exchange: Exchange,
        for name: SegmentName,
        _ pending: PendingRequest,
        _ catalog: Catalog
    ) throws {
        guard let budget = catalog.budget, exchange.expectsContinue || exchange.contentLength ?? 0 > smallBody,
            exchange.headers("If-Match").isEmpty, try !catalog.directory.isTaken(name)
        else { return }
        let isNpy = try pending.coding == nil && Format.body(exchange.header("Content-Type")) == .npy
        let length = isNpy ? Int(clamping: exchange.contentLength ?? 0) : 0
        let dataBytes = max(length - NpyHeader.maximumByteCount, 0)
        let leastBytes = try SegmentDraft.totalBytes(headerBytes: 1, dataBytes: dataBytes)
        try budget.refuse(leastBytes, for: name, seeing: pending.grant.prefix)
    }

    /// Refuses a PUT of a name that is taken, as far as its header block tells: JSON may still say that it replaces.
    static func checkName(
        _ exchange: Exchange,
        _ name: SegmentName,
        _ pending: PendingRequest,
        _ catalog: Catalog
    ) throws {
        var query = pending.query
        guard exchange.expectsContinue || exchange.contentLength ?? 0 > smallBody, query.take("replace") != "true",
            exchange.headers("If-Match").isEmpty, exchange.headers("If-None-Match").isEmpty,
            try Format.body(exchange.header("Content-Type")) != .json
        else { return }
        try pending.grant.requireCreation(of: name, replacing: false)
        if try catalog.directory.isTaken(name) { throw SegmentError.alreadyExists(name.description) }
    }

    /// Bodies up to here come at once, and are refused when all is known.
    private static let smallBody: UInt64 = 4_096
}
