internal import Documents
internal import Locks

/// The layouts of the user's own that this process knows: types that conform to ``Layout``, and templates.
public final class LayoutRegistry: Sendable {
    /// The one that is used unless another is named.
    public static let shared = LayoutRegistry()

    private struct Known {
        var types: [String: any Layout.Type] = [:]
        var templates: [String: LayoutTemplate] = [:]
    }

    private let known = Locked(Known())

    /// A registry that knows the built-in kinds only.
    public init() {}

    /// The same registry with one template more, or another one in its place.
    func with(_ template: LayoutTemplate) -> LayoutRegistry {
        let copy = LayoutRegistry()
        let all = known.withLock { $0 }
        copy.known.withLock { $0 = all }
        copy.register(template)
        return copy
    }

    /// Makes a type's kind known; a type of the same kind is replaced.
    public func register(_ type: any Layout.Type) {
        precondition(!isBuiltIn(type.kind), "a built-in kind cannot be given another meaning")
        known.withLock { $0.types[type.kind] = type }
    }

    /// Whether a kind is one of the built-in ones.
    package func isBuiltIn(_ kind: String) -> Bool { builtInKinds.contains { $0.kind == kind } }

    /// Makes a template known; tells whether it is new.
    @discardableResult
    package func register(_ template: LayoutTemplate) -> Bool {
        known.withLock { $0.templates.updateValue(template, forKey: template.kind) == nil }
    }

    /// Forgets a template; tells whether there was one.
    package func forget(template kind: String) -> Bool {
        known.withLock { $0.templates.removeValue(forKey: kind) != nil }
    }

    /// The templates in the order of their kinds.
    package var templates: [LayoutTemplate] {
        known.withLock { $0.templates.values.sorted { $0.kind < $1.kind } }
    }

    /// The template of a kind.
    package func template(_ kind: String) -> LayoutTemplate? { known.withLock { $0.templates[kind] } }

    /// What a layout of the user's own stands for, and its alias; nil if nobody knows the kind.
    func layout(
        _ kind: String,
        _ fields: inout LayoutFields,
        depth: Int
    ) throws(LayoutError) -> (LayoutForm, alias: String)? {
        let (type, template) = known.withLock { ($0.types[kind], $0.templates[kind]) }
        if let type {
            let layout = try type.init(fields: &fields)
            return (layout.form, layout.alias)
        }
        guard let template else { return nil }
        let (json, alias) = try template.expanded(fields.rest())
        return (try LayoutNode(json, fields.context, depth: depth + 1).form, alias)
    }
}
