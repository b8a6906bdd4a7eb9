package import Documents

/// A layout in its place: at the top of a segment, as a member of a struct, or as the item of a list.
public struct LayoutNode: Sendable {
    /// How deep layouts may nest.
    public static let maximumDepth = 32
    /// The most arrays of a segment; the header names each of them.
    static let maximumArrayCount = 100_000

    /// What the bytes mean.
    public let form: LayoutForm
    /// The layout of the user's own that stands for it, as canonical JSON; nil if there is none.
    package let alias: String?
    /// The arrays that it needs, in the order in which they lie in the segment, with paths that start at this node.
    package let arrays: [ArraySpecification]

    /// How many layouts there are in it, itself included.
    let weight: Int

    /// The word for it in JSON.
    public var kind: String { form.kind }

    /// A layout, built in or of one's own.
    public init(_ layout: some Layout) {
        self.init(layout.form, alias: layout is any BuiltInLayout ? nil : layout.alias)
    }

    init(_ form: LayoutForm, alias: String?) {
        self.form = form
        self.alias = alias
        arrays = form.builtIn.arrays
        switch form {
        case .structure(let layout): weight = layout.members.reduce(1) { $0.addingClamped($1.layout.weight) }
        case .list(let layout):
            let (items, overflow) = layout.item.weight.multipliedReportingOverflow(by: layout.count)
            weight = overflow ? Int.max : min(items, Int.max - 1) + 1
        default: weight = 1
        }
    }

    /// Writes the layout in canonical form.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("kind")
        json.string(kind)
        form.builtIn.writeFields(to: &json)
        if let alias {
            json.key("alias")
            json.raw(alias)
        }
        json.endObject()
    }

    /// The canonical form as JSON text.
    public var json: String {
        var json = JSONWriter()
        write(to: &json)
        return json.finish().text
    }
}

extension LayoutNode {
    /// Reads layout JSON: that of a request, or the canonical form of a header.
    package init(_ json: JSONValue, _ context: LayoutContext = .request(.shared), depth: Int = 1) throws(LayoutError) {
        if depth > Self.maximumDepth {
            throw .invalidLayout("expected layouts that nest at most \(Self.maximumDepth) deep, got more")
        }
        var fields = try LayoutFields(json, context, depth: depth)
        let kind = try fields.string("kind")
        var alias: String?
        let form: LayoutForm
        if let builtIn = builtInKinds.first(where: { $0.kind == kind }) {
            if context.isHeader, let value = fields.optional("alias") { alias = text(of: value) }
            form = try builtIn.init(fields: &fields).form
        } else if case .request(let registry) = context, let own = try registry.layout(kind, &fields, depth: depth) {
            (form, alias) = own
        } else {
            throw .invalidLayout(
                "expected one of the kinds \(builtInKinds.map { $0.kind }.joined(separator: ", ")), got \(quoted(kind))"
            )
        }
        try fields.finish()
        self.init(form, alias: alias)
        guard arrays.count <= Self.maximumArrayCount, weight <= 2 * Self.maximumArrayCount else {
            throw .invalidLayout("expected a layout of at most \(Self.maximumArrayCount) arrays and layouts, got more")
        }
        for array in arrays where product(array.shape, times: array.dtype.byteCount) == nil {
            throw .invalidLayout("expected an array that a machine can hold, got the shape \(tuple(array.shape))")
        }
    }
}

/// Where layout JSON comes from, and so what it may say.
package enum LayoutContext: Sendable {
    /// A request: labels come with their data, and kinds of the user's own are known.
    case request(LayoutRegistry)
    /// A header: labels are buffers, and everything is built in.
    case header

    var isHeader: Bool {
        if case .header = self { return true }
        return false
    }
}

/// The built-in kinds by their words.
let builtInKinds: [any BuiltInLayout.Type] = [
    BytesLayout.self, NdarrayLayout.self, JSONLayout.self, SeriesLayout.self, DataFrameLayout.self,
    DataArrayLayout.self, StructLayout.self, ListLayout.self,
]

/// A JSON value as text.
func text(of value: JSONValue) -> String {
    var json = JSONWriter()
    json.value(value)
    return json.finish().text
}

extension Layout {
    /// Kind and parameters as JSON.
    var alias: String {
        var json = JSONWriter()
        json.beginObject()
        json.key("kind")
        json.string(Self.kind)
        for parameter in parameters {
            json.key(parameter.name)
            switch parameter.value {
            case .integer(let value): json.integer(Int64(value))
            case .number(let value): if value.isFinite { json.double(value) } else { json.null() }
            case .text(let value): json.string(value)
            case .flag(let value): json.bool(value)
            }
        }
        json.endObject()
        return json.finish().text
    }
}
