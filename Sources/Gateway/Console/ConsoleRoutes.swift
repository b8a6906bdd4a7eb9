internal import Documents
internal import MicroHTTP

/// `/` and the files of the console.
enum ConsoleRoutes {
    /// What the page may do: its own files and this gateway, nothing inline, nowhere else.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    /// `GET /`: the console for browsers, for all others where things are.
    static func root(_ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        let accepted = context.exchange.headers("Accept")
        switch MediaRange.preferred(of: ["application/json", "text/html"], by: accepted) {
        case 0:
            let fields: [(StaticString, String)] = [("Cache-Control", "no-cache"), ("Vary", "Accept")]
            return .json(index(), headers: fields)
        case 1: return try answer(ConsoleAsset.page, context, [("Vary", "Accept")])
        default:
            throw Problem(
                .notAcceptable,
                "expected one of application/json, text/html, got Accept: \(accepted.joined(separator: ", "))"
            )
        }
    }

    /// `GET /console/{file}`.
    static func file(_ asset: ConsoleAsset, _ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        return try answer(asset, context)
    }

    private static func answer(
        _ asset: ConsoleAsset,
        _ context: RequestContext,
        _ more: [(StaticString, String)] = []
    ) throws -> Response {
        let condition = try TagCondition(context.exchange.headers("If-None-Match"), allowsWeak: true)
        let known = condition?.match(asset.tag)
        let always: [(StaticString, String)] =
            [
                ("ETag", known ?? asset.tag), ("Cache-Control", "no-cache"), ("Content-Security-Policy", policy),
                ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Resource-Policy", "same-origin"),
            ] + more
        if known != nil { return Response(status: 304, headers: always) }
        return Response(status: 200, headers: [("Content-Type", asset.mediaType)] + always, body: .fixed(asset.bytes))
    }

    /// Where things are.
    private static func index() -> ByteBuffer {
        var json = JSONWriter()
        json.beginObject()
        for (key, value) in [
            ("name", "shmgate"), ("version", Version.current), ("segments", "/segments"), ("layouts", "/layouts"),
            ("openapi", "/openapi.yaml"), ("metrics", "/metrics"), ("console", "/ with Accept: text/html"),
        ] {
            json.key(key)
            json.string(value)
        }
        json.endObject()
        return json.finish()
    }
}
