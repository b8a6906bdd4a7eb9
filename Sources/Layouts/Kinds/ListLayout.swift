internal import Documents

/// So many of one layout: `{"kind": "list", "item": {…}, "count": 4}`.
public struct ListLayout: BuiltInLayout {
    /// The word for it in JSON.
    public static let kind = "list"

    /// The layout of every item.
    public let item: LayoutNode
    /// How many there are.
    public let count: Int

    /// `count` items, 0 or more, of one layout.
    public init(of item: LayoutNode, count: Int) throws(LayoutError) {
        guard count >= 0 else { throw .invalidLayout("expected 0 items or more, got \(count)") }
        guard count <= LayoutNode.maximumArrayCount / max(item.arrays.count, 1) else {
            throw .invalidLayout(
                "expected at most \(LayoutNode.maximumArrayCount) arrays, got \(count) items of \(item.arrays.count)"
            )
        }
        self.item = item
        self.count = count
    }

    /// Reads its fields.
    public init(fields: inout LayoutFields) throws(LayoutError) {
        let item = try LayoutNode(fields.value("item"), fields.context, depth: fields.depth + 1)
        try self.init(of: item, count: fields.count("count"))
    }

    /// Itself.
    public var form: LayoutForm { .list(self) }

    var arrays: [ArraySpecification] {
        (0..<count).flatMap { index in item.arrays.map { $0.below("items/\(index)/") } }
    }

    func writeFields(to json: inout JSONWriter) {
        json.key("item")
        item.write(to: &json)
        json.key("count")
        json.integer(Int64(count))
    }
}
