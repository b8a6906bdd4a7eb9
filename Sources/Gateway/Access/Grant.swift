internal import MicroHTTP
internal import Segments

/// What the sender of a request may do: some rights, on the segments whose names begin with a prefix.
///
/// What it does not cover is not there for it: the same words as for a name that nobody has, looked up nowhere.
struct Grant: Sendable {
    /// Who it is, for the log; nil where nobody is asked.
    let id: String?
    let rights: Rights
    /// What the names begin with; empty for all of them.
    let prefix: String

    /// For a gateway that asks nobody.
    static let everything = Grant(id: nil, rights: .all, prefix: "")
    /// For routes that need none, and requests that were not let in.
    static let nothing = Grant(id: nil, rights: [], prefix: "")

    /// Whether it covers a name.
    func covers(_ name: SegmentName) -> Bool { prefix.isEmpty || name.description.hasPrefix(prefix) }

    /// Refuses what it does not allow with a segment, whether that exists or not.
    func require(_ right: Rights, on name: SegmentName) throws {
        guard covers(name) else { throw SegmentError.noSuchSegment(name.description) }
        try require(right)
    }

    /// Refuses a new segment of a name, or one in the place of another.
    func requireCreation(of name: SegmentName, replacing: Bool) throws(Problem) {
        try require(replacing ? [.create, .unlink] : .create)
        if covers(name) { return }
        throw Problem(
            .forbidden,
            "expected a name that begins with \"\(prefix)\", as this token may create, got \(name)"
        )
    }

    /// Refuses what is about the gateway as a whole to whom not all of its segments are open.
    func requireEverywhere(_ right: Rights) throws(Problem) {
        try require(right)
        if prefix.isEmpty { return }
        throw Problem(.forbidden, "expected a token for all names, this one is for those that begin with \"\(prefix)\"")
    }

    /// Refuses what needs a right that is not there.
    func require(_ right: Rights) throws(Problem) {
        if rights.contains(right) { return }
        let mine = rights.isEmpty ? "none" : rights.text
        throw Problem(.forbidden, "expected a token with the right \(right.text), this one has \(mine)")
    }

    /// Refuses a method of a route.
    ///
    /// Names that stand in the body are judged when it has come.
    func check(_ route: Route, _ method: Method) throws {
        let isRead = method == .get || method == .head
        switch route {
        case .liveness, .readiness, .description, .root, .console: return
        case .metrics: try requireEverywhere(.admin)
        case .layouts, .layout: if isRead { try require(.read) } else { try requireEverywhere(.admin) }
        case .segments: try require(isRead ? .read : .create)
        case .stats(let name, _), .segmentEvents(let name): try require(.read, on: name)
        case .reads, .events: try require(.read)
        case .writes: try require(.write)
        case .data(let name, _), .zarr(let name, _): try require(isRead ? .read : .write, on: name)
        case .repair(let name): try require(.admin, on: name)
        case .segment(let name):
            switch method {
            case .put: try requireCreation(of: name, replacing: false)
            case .delete: try require(.unlink, on: name)
            case .patch: try require(.admin, on: name)
            default: try require(.read, on: name)
            }
        }
    }
}

extension Route {
    /// Whether everybody may ask: it tells nothing of any segment.
    var isPublic: Bool {
        switch self {
        case .liveness, .readiness, .description, .root, .console: true
        default: false
        }
    }
}
