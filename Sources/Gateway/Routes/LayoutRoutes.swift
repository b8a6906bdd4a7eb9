internal import Documents
internal import Layouts
internal import Locks
internal import MicroHTTP
internal import Segments

/// The layouts of the user's own: stored as files, so that a restarted gateway knows them again.
final class LayoutStore: Sendable {
    let registry = LayoutRegistry()
    private let folder: PrivateFolder
    /// Held while a file and the registry change together.
    private let change = Locked(false)
    private static let prefix = "layout-"

    /// Reads what earlier gateways stored; what they died over is removed.
    ///
    /// A layout may build on another one that is gone or has changed since; that is an error when it is used.
    init(_ folder: PrivateFolder) throws {
        self.folder = folder
        try folder.sweep()
        for file in try folder.files(prefix: Self.prefix) {
            let kind = String(file.name.dropFirst(Self.prefix.count))
            do {
                registry.register(try LayoutTemplate(kind: kind, Self.parse(file.bytes)))
            } catch {
                throw UnreadableLayout(file: file.name, reason: Problem(error).detail)
            }
        }
    }

    /// Stores a template; tells whether it is new.
    func store(_ template: LayoutTemplate) throws -> Bool {
        var json = JSONWriter()
        template.write(to: &json)
        let bytes = Array(json.finish().text.utf8)
        return try change.withLock { _ in
            try folder.store(bytes, as: Self.prefix + template.kind)
            return registry.register(template)
        }
    }

    /// Forgets a template; tells whether there was one.
    func remove(_ kind: String) throws -> Bool {
        try change.withLock { _ in
            guard registry.template(kind) != nil else { return false }
            try folder.remove(Self.prefix + kind)
            return registry.forget(template: kind)
        }
    }

    /// What stands in a file, the kind left out, which its name says.
    private static func parse(_ bytes: [UInt8]) throws -> JSONValue {
        let value = try bytes.withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            let value = try reader.value()
            try reader.finish()
            return value
        }
        guard case .object(var object) = value else { return value }
        _ = object.take("kind")
        return .object(object)
    }
}

/// Why a gateway cannot start: a file that it stored is no layout any more.
struct UnreadableLayout: Error, CustomStringConvertible {
    let file: String
    let reason: String

    var description: String { "the stored layout \(file) cannot be read: \(reason)" }
}

/// `/layouts`.
struct LayoutRoutes {
    let store: LayoutStore

    /// The most bytes of a layout's JSON.
    private static let mostBytes = 1 << 20

    /// `GET /layouts`.
    func list(_ query: Query) throws -> Response {
        try query.finish()
        var json = JSONWriter()
        json.beginObject()
        json.key("layouts")
        json.beginArray()
        for template in store.registry.templates { template.write(to: &json) }
        json.endArray()
        json.endObject()
        return .json(json.finish(), headers: [("Cache-Control", "no-cache")])
    }

    /// `GET /layouts/{kind}`.
    func show(_ kind: String, _ query: Query) throws -> Response {
        try query.finish()
        guard let template = store.registry.template(kind) else { throw Self.missing(kind) }
        return Self.answer(template, status: 200)
    }

    /// `PUT /layouts/{kind}`.
    func put(_ kind: String, _ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        try SegmentCreation.check(context.exchange)
        if store.registry.isBuiltIn(kind) {
            throw Problem(.alreadyExists, "the kind \(kind) is built in")
        }
        if !context.mayBlock { throw Deferral() }
        guard context.exchange.body.count <= Self.mostBytes else {
            throw Problem(.tooLarge, "expected a layout of at most \(Self.mostBytes) bytes, got more")
        }
        var reader = JSONReader(context.exchange.body)
        let value = try reader.value()
        try reader.finish()
        if value.hasOverflow { throw Problem(.invalidJSON, "the layout has a number that no double can hold") }
        let template = try LayoutTemplate(kind: kind, value)
        try template.check(among: store.registry)
        return Self.answer(template, status: try store.store(template) ? 201 : 200)
    }

    /// `DELETE /layouts/{kind}`; segments that were made with it stay as they are.
    func remove(_ kind: String, _ query: Query, _ context: RequestContext) throws -> Response {
        try query.finish()
        if !context.mayBlock { throw Deferral() }
        guard try store.remove(kind) else { throw Self.missing(kind) }
        return Response(status: 204)
    }

    private static func missing(_ kind: String) -> Problem {
        Problem(.noSuchLayout, "there is no layout \"\(kind)\" of the user's own")
    }

    private static func answer(_ template: LayoutTemplate, status: Int) -> Response {
        var json = JSONWriter()
        template.write(to: &json)
        var fields: [(StaticString, String)] = [("Cache-Control", "no-cache")]
        if status == 201 { fields.append(("Location", "/layouts/\(template.kind)")) }
        return .json(json.finish(), status: status, headers: fields)
    }
}
