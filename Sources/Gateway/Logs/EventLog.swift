package import Logging
internal import MicroHTTP
internal import Segments

/// What the gateway tells about requests: failures, on demand all of them, and an audit of what was changed.
package struct EventLog: Sendable {
    private let requests: Logger?
    private let audit: Logger?
    /// Whether requests that did not fail are told as well.
    private let tellsAll: Bool

    /// Says nothing.
    package static let silent = EventLog(requests: nil, audit: nil)

    /// Requests go to one logger, the audit to another.
    package init(requests: Logger?, audit: Logger?) {
        self.requests = requests
        // A logger that does not take them costs the making of its fields for each write.
        self.audit = audit.flatMap { $0.logLevel <= .info ? $0 : nil }
        tellsAll = (requests?.logLevel ?? .critical) <= .debug
    }

    /// Tells of an answer what is to be told.
    func answered(_ exchange: Exchange, _ pending: PendingRequest?, _ response: Response, _ timing: Timing) {
        if response.status >= 500 || tellsAll { tell(exchange, response, timing) }
        if let pending, let action = pending.auditAction(exchange.method, status: response.status) {
            tell(action, exchange, pending, response)
        }
    }

    /// Every answer of 5xx is a warning, every other one is for who debugs.
    private func tell(_ exchange: Exchange, _ response: Response, _ timing: Timing) {
        guard let requests else { return }
        var fields: Logger.Metadata = [
            "request": "\(exchange.id)", "who": "\(exchange.who)", "method": "\(exchange.methodName.prefix(32))",
            "path": "\(String(decoding: exchange.path.prefix(Self.mostPathBytes), as: UTF8.self))",
            "status": .stringConvertible(response.status),
            "milliseconds": .stringConvertible(Double((timing.totalNs ?? 0) / 1_000) / 1_000),
        ]
        if let note = response.note {
            fields["code"] = "\(note.code)"
            fields["detail"] = "\(note.detail)"
        }
        let isFailure = response.status >= 500
        requests.log(level: isFailure ? .warning : .debug, isFailure ? "request failed" : "request", metadata: fields)
    }

    private func tell(_ action: AuditAction, _ exchange: Exchange, _ pending: PendingRequest, _ response: Response) {
        guard let audit else { return }
        var fields: Logger.Metadata = [
            "request": "\(exchange.id)", "who": "\(exchange.who)", "status": .stringConvertible(response.status),
            "names": .array(pending.auditNames.map { .string($0) }),
            "bytes": .stringConvertible(exchange.receivedBytes),
        ]
        if let note = response.note { fields["code"] = "\(note.code)" }
        audit.info("\(action.rawValue)", metadata: fields)
    }

    /// Audits what the gateway does to a segment by itself: a lifetime that is over, a name given back.
    func audit(_ action: AuditAction, _ name: SegmentName, _ uuid: UUID) {
        audit?.info(
            "\(action.rawValue)",
            metadata: ["who": "gateway", "names": .array([.string(name.description)]), "uuid": "\(uuid)"]
        )
    }

    /// Of longer paths the beginning is told.
    private static let mostPathBytes = 512
}

/// What is audited.
enum AuditAction: String {
    case create
    case replace
    case write
    case change
    case repair
    case unlink
    case putLayout = "put-layout"
    case removeLayout = "remove-layout"
    /// The lifetime of a segment was over.
    case expire
    /// A pinned segment got its name back.
    case giveBack = "give-back"
}

extension PendingRequest {
    /// What the request did, or wanted to do; nil for what changes nothing.
    func auditAction(_ method: Method, status: Int) -> AuditAction? {
        switch (route, method) {
        case (.segments, .post): isReplacement ? .replace : .create
        case (.segment, .put): isReplacement || status == 200 ? .replace : .create
        case (.segment, .patch): .change
        case (.segment, .delete): .unlink
        case (.repair, .post): .repair
        case (.data, .patch), (.writes, .post), (.zarr, .put), (.zarr, .delete): .write
        case (.layout, .put): .putLayout
        case (.layout, .delete): .removeLayout
        default: nil
        }
    }

    /// What it is about: the name in its target, else the names in its body, as far as it was read.
    var auditNames: [String] {
        switch route {
        case .segment(let name), .repair(let name), .data(let name, _), .zarr(let name, _): [name.description]
        case .layout(let kind): [kind]
        default: namesInBody
        }
    }
}

extension RequestContext {
    /// Notes what the body names, for the audit.
    func note(_ names: [SegmentName], replacing: Bool = false) {
        guard let pending = exchange.state as? PendingRequest else { return }
        pending.namesInBody = names.map(\.description)
        pending.isReplacement = replacing
    }
}

extension Exchange {
    /// Who asks: the principal that was made out, else the address.
    var who: String { principal ?? peer }
}
