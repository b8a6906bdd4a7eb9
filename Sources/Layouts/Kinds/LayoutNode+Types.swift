internal import Documents

extension LayoutNode {
    /// Reads layout JSON as `POST /segments` takes it, kinds of the registry among them.
    ///
    /// Text that is no JSON, or no layout, is ``LayoutError/invalidLayout(_:)`` or ``LayoutError/invalidDType(_:)``.
    public init(json text: String, registry: LayoutRegistry = .shared) throws(LayoutError) {
        let json = try Self.parsed(text)
        if json.hasOverflow { throw .invalidLayout("the layout has a number that no double can hold") }
        try self.init(json, .request(registry))
    }

    /// The layout as the type that it was created from.
    ///
    /// A type of one's own is read from the alias that the header has beside the built-in layout, a built-in type is the
    /// layout itself. Another type's is ``LayoutError/invalidLayout(_:)``; an alias that stands for something else than
    /// what it is found beside is ``LayoutError/corrupt(_:)``: another version of the type made it, or nobody did.
    public func layout<Kind: Layout>(as type: Kind.Type = Kind.self) throws(LayoutError) -> Kind {
        if let builtIn = form.builtIn as? Kind { return builtIn }
        guard let alias else { throw .invalidLayout("expected the layout \(Kind.kind), got \(kind)") }
        var fields = try LayoutFields(Self.parsed(alias), .request(.shared), depth: 1)
        let word = try fields.string("kind")
        guard word == Kind.kind else { throw .invalidLayout("expected the layout \(Kind.kind), got \(word)") }
        let layout = try Kind(fields: &fields)
        try fields.finish()
        guard LayoutNode(layout.form, alias: nil).json == LayoutNode(form, alias: nil).json else {
            throw .corrupt("the layout \(word) stands for another \(layout.form.kind) than the one that is here")
        }
        return layout
    }

    private static func parsed(_ text: String) throws(LayoutError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(text: text)
        } catch {
            throw .invalidLayout("the layout is no JSON: \(error)")
        }
    }
}
