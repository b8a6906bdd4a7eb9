internal import MicroHTTP
internal import Segments

/// The resources of the gateway.
enum Route {
    case segments
    case segment(SegmentName)
    case repair(SegmentName)
    case data(SegmentName, path: [String])
    case stats(SegmentName, path: [String])
    case segmentEvents(SegmentName)
    case events
    case reads
    case writes
    case zarr(SegmentName, path: [String])
    case layouts
    case layout(String)
    case liveness
    case readiness
    case metrics
    case description
    case root
    case console(ConsoleAsset)

    /// Those who may all wait for one thing: requests for one segment, and those for several; nil for all others.
    var crowd: String? {
        switch self {
        case .reads, .writes: "several segments"
        case .segment(let name), .repair(let name), .data(let name, _), .stats(let name, _), .zarr(let name, _),
            .segmentEvents(let name):
            name.description
        default: nil
        }
    }

    /// Reads the path of a request target; what is no resource is `no-such-route`.
    init(path: UnsafeRawBufferPointer) throws {
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
        guard path.first == UInt8(ascii: "/"), let first = parts.first else { throw Self.unknown(path) }
        if first.elementsEqual("segments".utf8) {
            self = try Self.segmentRoute(parts.dropFirst(), path)
        } else if first.elementsEqual("zarr".utf8), parts.count > 1 {
            self = try Self.zarrRoute(parts.dropFirst())
        } else if first.elementsEqual("layouts".utf8), parts.count <= 2 {
            self = try parts.dropFirst().first.map { .layout(try Self.decoded($0, .invalidLayout)) } ?? .layouts
        } else if first.elementsEqual("console".utf8), parts.count == 2,
            let asset = ConsoleAsset.named(String(decoding: parts[parts.startIndex + 1], as: UTF8.self))
        {
            self = .console(asset)
        } else if parts.count > 1 {
            throw Self.unknown(path)
        } else if first.isEmpty {
            self = .root
        } else if first.elementsEqual("events".utf8) {
            self = .events
        } else if first.elementsEqual("query".utf8) {
            self = .reads
        } else if first.elementsEqual("patch".utf8) {
            self = .writes
        } else if first.elementsEqual("healthz".utf8) {
            self = .liveness
        } else if first.elementsEqual("readyz".utf8) {
            self = .readiness
        } else if first.elementsEqual("metrics".utf8) {
            self = .metrics
        } else if first.elementsEqual("openapi.yaml".utf8) {
            self = .description
        } else {
            throw Self.unknown(path)
        }
    }

    private static func segmentRoute(
        _ parts: ArraySlice<Slice<UnsafeRawBufferPointer>>,
        _ path: UnsafeRawBufferPointer
    ) throws -> Route {
        guard let encoded = parts.first else { return .segments }
        let name = try segmentName(encoded)
        let rest = parts.dropFirst()
        guard let resource = rest.first else { return .segment(name) }
        if resource.elementsEqual("repair".utf8), rest.count == 1 { return .repair(name) }
        if resource.elementsEqual("events".utf8), rest.count == 1 { return .segmentEvents(name) }
        let isData = resource.elementsEqual("data".utf8)
        guard isData || resource.elementsEqual("stats".utf8) else { throw unknown(path) }
        let members = try rest.dropFirst().map { try decoded($0, .noSuchMember) }
        return isData ? .data(name, path: members) : .stats(name, path: members)
    }

    private static func zarrRoute(_ parts: ArraySlice<Slice<UnsafeRawBufferPointer>>) throws -> Route {
        guard let encoded = parts.first else { preconditionFailure("the route was chosen for its name") }
        return .zarr(try segmentName(encoded), path: try parts.dropFirst().map { try decoded($0, .noSuchMember) })
    }

    private static func segmentName(_ encoded: Slice<UnsafeRawBufferPointer>) throws -> SegmentName {
        guard let bytes = PercentEncoding.decode(encoded, plusIsSpace: false) else {
            throw Problem(
                .invalidName,
                "expected a percent-encoded name, got \(String(decoding: encoded, as: UTF8.self))"
            )
        }
        return try bytes.withUnsafeBytes { try SegmentName(utf8: $0) }
    }

    /// A part of the path without its percent-encoding.
    private static func decoded(
        _ part: Slice<UnsafeRawBufferPointer>,
        _ code: ProblemCode
    ) throws(Problem) -> String {
        guard let bytes = PercentEncoding.decode(part, plusIsSpace: false),
            let text = String(validating: bytes, as: UTF8.self)
        else {
            throw Problem(code, "expected percent-encoded UTF-8, got \(String(decoding: part, as: UTF8.self))")
        }
        return text
    }

    private static func unknown(_ path: UnsafeRawBufferPointer) -> Problem {
        Problem(.noSuchRoute, "there is nothing at \(String(decoding: path.prefix(200), as: UTF8.self))")
    }

    /// The methods of the resource.
    var methods: [Method] {
        switch self {
        case .segments: [.get, .head, .post]
        case .segment: [.get, .head, .put, .patch, .delete]
        case .repair, .reads, .writes: [.post]
        case .data: [.get, .head, .patch]
        case .zarr(_, let path) where path.isEmpty: [.get, .head]
        case .zarr: [.get, .head, .put, .delete]
        case .layouts, .stats, .segmentEvents, .events: [.get, .head]
        case .layout: [.get, .head, .put, .delete]
        case .liveness, .readiness, .metrics, .description, .root, .console: [.get, .head]
        }
    }

    /// Whether a body of none of its methods is empty.
    var takesBody: Bool {
        if case .repair = self { return false }
        return true
    }

    /// Refuses a method that the resource does not have.
    func check(_ method: Method, named name: String) throws(Problem) {
        if methods.contains(method) { return }
        let allowed = methods.map { $0.rawValue }.joined(separator: ", ")
        throw Problem(.methodNotAllowed, "expected \(allowed), got \(name)", headers: [("Allow", allowed)])
    }
}
