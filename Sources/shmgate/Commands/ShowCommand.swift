import ArgumentParser
import Documents

/// `shmgate show`: what a segment is, and what it holds, on one screen.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a segment: layout, statistics, and a look at its data.",
        discussion: """
            Examples:
              shmgate show prices
              shmgate show quotes --json
            """
    )

    @Argument(help: ArgumentHelp("Its name.", valueName: "name"), completion: .segments)
    var name: String

    @Option(help: ArgumentHelp("So many rows of data.", valueName: "n"))
    var rows = 10

    @Flag(help: "Print description and statistics as one JSON object.")
    var json = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func validate() throws {
        if rows < 0 { throw ValidationError("Expected at least 0 for --rows, got \(rows).") }
    }

    func run() throws {
        let client = try settings.client()
        let description = try client.json(SegmentClient.path(name))
        let stats = try client.json(SegmentClient.path(name, "stats"))
        if json { return try Output.json(.object(["description": description, "stats": stats])) }
        guard case .object(let object) = description else {
            throw StartFailure(.other, "expected the description of a segment, got something else")
        }
        let summary = SegmentSummary(description)
        try head(summary, object)
        try statistics(stats)
        try data(summary, object, client)
    }

    private func head(_ summary: SegmentSummary, _ description: JSONObject) throws {
        let what = [summary.kind, summary.dtype, summary.shape].filter { !$0.isEmpty }.joined(separator: "  ")
        try line(Output.coloured(summary.name, 1), what)
        try line("size", "\(Output.size(summary.bytes)), mode \(description.text("mode") ?? "?")")
        let state = summary.marks.isEmpty ? "" : ", " + Output.coloured(summary.marks.joined(separator: ", "), 33)
        try line("writes", "\(max(summary.sequence / 2 - 1, 0)), the last \(summary.modified) UTC\(state)")
        if let end = description.text("expires") { try line("expires", end) }
        if let attrs = description["attrs"], attrs != .object(JSONObject()) {
            try line("attrs", TerminalText.visible(Output.text(attrs)))
        }
        if let layout = description["layout"] {
            let text = TerminalText.visible(Output.text(layout))
            try line("layout", text.count > 400 ? "\(text.prefix(400))…" : text)
        }
    }

    private func line(_ key: String, _ text: String) throws {
        try Output.write("\(Output.coloured(key, 2)) \(text)\n".utf8)
    }

    /// A table with a row for each array that has numbers.
    private func statistics(_ stats: JSONValue) throws {
        var rows: [[String]] = []
        Self.collect(stats, "", into: &rows)
        if rows.isEmpty { return }
        try Output.write("\n".utf8)
        let names = ["", "DTYPE", "COUNT", "NAN", "MIN", "MEAN", "MAX", "STD"]
        try Output.table([names] + rows.prefix(100), rightAligned: [2, 3, 4, 5, 6, 7])
    }

    private static func collect(_ stats: JSONValue, _ path: String, into rows: inout [[String]]) {
        guard case .object(let object) = stats else { return }
        for key in ["columns", "members"] {
            guard case .object(let members)? = object[key] else { continue }
            for member in members.members { collect(member.value, path + "/" + member.name, into: &rows) }
        }
        if case .array(let items)? = object["items"] {
            for (number, item) in items.prefix(20).enumerated() { collect(item, "\(path)/\(number)", into: &rows) }
        }
        guard object["count"] != nil, let dtype = object.text("dtype") else { return }
        let fields = ["count", "nan_count", "min", "mean", "max", "std"].map { key -> String in
            switch object[key] {
            case nil, .null?: "–"
            case .string(let text)?: text
            case .number(.double(let value))?: Self.rounded(value)
            case let value?: Output.text(value)
            }
        }
        rows.append([TerminalText.visible(String(path.drop { $0 == "/" })), dtype] + fields.map(TerminalText.visible))
    }

    /// A number with at most six digits that matter.
    private static func rounded(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return "\(value)" }
        var scale = 1.0
        var size = abs(value)
        while size < 100_000, scale < 1e12 { (size, scale) = (size * 10, scale * 10) }
        return size >= 1e12 ? "\(value)" : "\((value * scale).rounded() / scale)"
    }

    /// The first rows in a box, and a sparkline of each column of numbers.
    private func data(_ summary: SegmentSummary, _ description: JSONObject, _ client: SegmentClient) throws {
        let preview = Preview(client: client, name: name, rows: rows)
        switch summary.kind {
        case "series", "dataframe": try preview.table()
        case "ndarray", "dataarray": try preview.array(summary.shape)
        case "json": try preview.text()
        default: break
        }
    }
}
