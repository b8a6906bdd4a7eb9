internal import MicroHTTP

/// The representations of an array.
enum Format: String, CaseIterable {
    case json
    case npy
    case raw
    case csv
    case arrow
    case arrowFile = "arrow-file"

    /// What `Content-Type` says.
    var mediaType: String {
        switch self {
        case .json: "application/json"
        case .npy: "application/x-npy"
        case .raw: "application/octet-stream"
        case .csv: "text/csv"
        case .arrow: "application/vnd.apache.arrow.stream"
        case .arrowFile: "application/vnd.apache.arrow.file"
        }
    }

    /// What stands at the end of the entity tag.
    var tagSuffix: String { self == .json ? "" : rawValue }

    /// Those that a body may have.
    private static let readable: [Format] = [.json, .npy, .raw, .arrow, .arrowFile]
    /// The media types that a PATCH takes, for `Accept-Patch`.
    static let patchTypes = readable.map(\.mediaType).joined(separator: ", ")
    /// Those that are text, made value by value.
    var isText: Bool { self == .json || self == .csv }
    /// Those that are tables.
    var isTable: Bool { self == .arrow || self == .arrowFile }
    /// Those that are the packed bytes of one array.
    var isPacked: Bool { self == .npy || self == .raw }

    /// Chooses by `format=`, else by `Accept`, else JSON.
    static func choose(
        parameter: String?,
        accept lines: [String],
        among available: [Format]
    ) throws(Problem) -> Format {
        if let parameter {
            guard let format = Format(rawValue: parameter), available.contains(format) else {
                throw notAcceptable("format=\(parameter)", available)
            }
            return format
        }
        guard let place = MediaRange.preferred(of: available.map(\.mediaType), by: lines) else {
            throw notAcceptable("Accept: \(lines.joined(separator: ", "))", available)
        }
        return available[place]
    }

    /// The format of a body by its `Content-Type`.
    static func body(_ contentType: String?) throws(Problem) -> Format {
        // Most say nothing but the type, in lower case.
        if let contentType, let format = readable.first(where: { $0.mediaType == contentType }) { return format }
        let type = contentType.map {
            ($0.split(separator: ";", omittingEmptySubsequences: false).first ?? "").trimmed.lowercased()
        }
        guard let format = readable.first(where: { $0.mediaType == type }) else {
            throw Problem(
                .unsupportedMediaType,
                "expected a Content-Type of \(patchTypes), got \(contentType ?? "none")",
                headers: [("Accept-Patch", patchTypes)]
            )
        }
        return format
    }

    private static func notAcceptable(_ asked: String, _ available: [Format]) -> Problem {
        let known = available.map { "\($0.rawValue) (\($0.mediaType))" }.joined(separator: ", ")
        return Problem(.notAcceptable, "expected one of \(known), got \(asked)")
    }
}

/// One entry of `Accept`: a media type, perhaps with stars, and how much it is liked.
struct MediaRange {
    private var type: String
    private var quality = 1.0

    private init(_ entry: Substring) {
        var parts = entry.split(separator: ";").map(\.trimmed).makeIterator()
        type = parts.next()?.lowercased() ?? ""
        while let parameter = parts.next() {
            if parameter.lowercased().hasPrefix("q=") {
                quality = Double(parameter.dropFirst(2)).flatMap { (0...1).contains($0) ? $0 : nil } ?? 0
            }
        }
    }

    /// Which of some media types, the default first, the lines of `Accept` like most; nil if they like none.
    static func preferred(of types: [String], by lines: [String]) -> Int? {
        let ranges = lines.flatMap { $0.split(separator: ",") }.filter { !$0.trimmed.isEmpty }.map { MediaRange($0) }
        if ranges.isEmpty { return 0 }  // an empty field is as good as none
        let qualities = types.map { quality(of: $0, in: ranges) }
        guard let best = qualities.max(), best > 0 else { return nil }
        return qualities.firstIndex(of: best)
    }

    /// The quality that the most specific entry gives a media type; 0 if none does.
    private static func quality(of type: String, in ranges: [MediaRange]) -> Double {
        let family = type.split(separator: "/").first.map { "\($0)/*" }
        for wanted in [type, family, "*/*"] {
            if let match = ranges.first(where: { $0.type == wanted }) { return match.quality }
        }
        return 0
    }
}
