import ArgumentParser

/// Which part of a segment: what a request has in its query.
struct SelectionSettings: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Positions, as NumPy has them between brackets: 0:10, ::2,-1.", valueName: "slice")
    )
    var slice: String?

    @Option(
        help: ArgumentHelp(
            "Labels of a dimension: index=b, time=2024-01..2024-03, x=[1,3]; once for each.",
            valueName: "dim=labels"
        )
    )
    var sel: [String] = []

    @Option(help: ArgumentHelp("How a label is found that is not there: nearest, ffill, bfill.", valueName: "how"))
    var method: String?

    @Option(help: ArgumentHelp("Columns of a dataframe: a,b.", valueName: "names"))
    var columns: String?

    @Option(
        help: ArgumentHelp("Rows that satisfy a condition, such as 'price>100'; once for each.", valueName: "condition")
    )
    var `where`: [String] = []

    func validate() throws {
        if let text = sel.first(where: { Self.label($0) == nil }) {
            throw ValidationError("Expected dim=labels for --sel, got \(text).")
        }
    }

    /// The parameters of a query.
    var parameters: [(String, String)] {
        let labels = sel.compactMap(Self.label).map { ("sel.\($0)", $1) }
        let others = [("slice", slice), ("method", method), ("columns", columns)].compactMap { key, value in
            value.map { (key, $0) }
        }
        return others + labels + self.where.map { ("where", $0) }
    }

    /// The dimension and the labels of `dim=labels`.
    private static func label(_ text: String) -> (String, String)? {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else { return nil }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}
