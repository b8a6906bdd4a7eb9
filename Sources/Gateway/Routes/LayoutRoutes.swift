internal import Documents
internal import Layouts
internal import MicroHTTP
internal import Segments

/// The layouts of the user's own: stored as files, so that a restarted gateway knows them again.
final class LayoutStore: Sendable {
    let registry = LayoutRegistry()
    private let folder: PrivateFolder
    private static let prefix = "layout-"

    /// Reads what earlier gateways stored; a file that is no layout is named by the error.
    init(_ folder: PrivateFolder) throws {
        self.folder = folder
        // A layout may build on another one that stands behind it, so whatever fails is tried again.
        var left = try folder.files(prefix: Self.prefix)
        var failure: (any Error)?
        while !left.isEmpty {
            let before = left.count
            left = left.filter { file in
                do {
                    let kind = String(file.name.dropFirst(Self.prefix.count))
                    registry.register(try LayoutTemplate(kind: kind, Self.parse(file.bytes), registry: registry))
                    return false
                } catch {
                    failure = error
                    return true
                }
            }
            if left.count == before, let failure {
                throw Problem(
                    .invalidLayout,
                    "the stored layout \(left[0].name) cannot be read: \(Problem(failure).detail)"
                )
            }
        }
    }

    /// Stores a template; tells whether it is new.
    func store(_ template: LayoutTemplate) throws -> Bool {
        var json = JSONWriter()
        template.write(to: &json)
        try folder.store(Array(json.finish().text.utf8), as: Self.prefix + template.kind)
        return registry.register(template)
    }

    /// Forgets a template; tells whether there was one.
    func remove(_ kind: String) throws -> Bool {
        guard registry.template(kind) != nil else { return false }
        try folder.remove(Self.prefix + kind)
        return registry.forget(template: kind)
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

/// `/layouts`.
struct LayoutRoutes {
    let store: LayoutStore

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
        var reader = JSONReader(context.exchange.body)
        let value = try reader.value()
        try reader.finish()
        if value.hasOverflow { throw Problem(.invalidJSON, "the layout has a number that no double can hold") }
        if !context.mayBlock { throw Deferral() }
        let template = try LayoutTemplate(kind: kind, value, registry: store.registry)
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
