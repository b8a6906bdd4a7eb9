internal import Codings
internal import MicroHTTP

/// The `Content-Encoding` of a body.
enum BodyCoding {
    /// The codings that a body may have, for `Accept-Encoding`.
    private static let known = "zstd, gzip"

    /// Reads the field; nil for a body that is as its media type says.
    ///
    /// Another coding, or more than one, is 415.
    static func read(_ exchange: Exchange) throws(Problem) -> Coding? {
        let words = exchange.headers("Content-Encoding").flatMap { $0.split(separator: ",") }
            .map { $0.trimmed.lowercased() }.filter { !$0.isEmpty && $0 != "identity" }
        guard let word = words.first else { return nil }
        switch word {
        case "gzip" where words.count == 1, "x-gzip" where words.count == 1: return .gzip
        case "zstd" where words.count == 1: return .zstd
        default:
            var fields: [(StaticString, String)] = [("Accept-Encoding", known)]
            if exchange.method == .patch { fields.append(("Accept-Patch", Format.patchTypes)) }
            throw Problem(
                .unsupportedMediaType,
                "expected at most one Content-Encoding of \(known), got \(words.joined(separator: ", "))",
                headers: fields
            )
        }
    }

    /// Unpacks the collected body; `mayTake` says whether there is room for more.
    static func unpack(
        _ exchange: Exchange,
        _ coding: Coding,
        limit: Int,
        mayTake: (Int) -> Bool
    ) throws(Problem) {
        do throws(CodingError) {
            exchange.replaceBody(with: try Unpacker.unpack(exchange.body, coding, limit: limit, mayTake: mayTake))
        } catch {
            switch error {
            case .malformed(let text):
                throw Problem(.invalidBody, "expected a body packed by \(coding.rawValue): \(text)")
            case .tooLarge: throw Problem(.tooLarge, "expected a body of at most \(limit) bytes unpacked, got more")
            case .outOfMemory: throw Problem(.busy, "expected room to unpack the body, there is none at the moment")
            }
        }
    }
}
