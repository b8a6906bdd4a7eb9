import Documents
import MicroHTTP

/// A look at the data of a segment on a terminal.
struct Preview {
    let client: SegmentClient
    let name: String
    /// So many rows at the most.
    let rows: Int

    /// The first rows of a series or a dataframe, in a box, and a line for each column of numbers.
    func table() throws {
        let parameters = [("slice", ":\(rows)"), ("format", "csv")]
        let table = try CSVTable(try client.send("GET", path, parameters).body)
        try box((0..<table.count).map { table[row: $0].map(\.text) }, hasNames: true)
        guard case .object(let object) = try client.json(path, [("max_points", "160")]) else { return }
        if case .array(let names)? = object["columns"], case .array(let rows)? = object["data"] {
            for (number, name) in names.enumerated() {
                guard case .string(let name) = name else { continue }
                try sparkline(name, rows.map { row in if case .array(let row) = row { row[number] } else { .null } })
            }
        } else if case .array(let values)? = object["data"] {
            try sparkline(object.text("name") ?? "values", values)
        }
    }

    /// The first rows and columns of an array.
    func array(_ shape: String) throws {
        let rank = shape.isEmpty ? 0 : shape.split(separator: "×").count
        let parts = Array(repeating: "0", count: max(rank - 2, 0))
        let slice = parts + (rank > 1 ? [":\(rows)", ":8"] : rank == 1 ? [":\(rows)"] : [])
        var parameters = [("format", "json")]
        if rank > 0 { parameters.append(("slice", slice.joined(separator: ","))) }
        guard case .object(let object) = try client.json(path, parameters), let data = object["data"] else { return }
        try box(Self.rows(data), hasNames: false)
        guard rank == 1, case .object(let few) = try client.json(path, [("max_points", "160")]),
            case .array(let values)? = few["data"]
        else { return }
        try sparkline("values", values)
    }

    /// The text of a JSON value, as much as fits.
    func text() throws {
        let text = String(decoding: try client.send("GET", path).body, as: UTF8.self)
        try Output.write("\n\(TerminalText.cut(text, 2_000))\n".utf8)
    }

    private var path: String { SegmentClient.path(name, "data") }

    private static func rows(_ data: JSONValue) -> [[String]] {
        guard case .array(let items) = data else { return [[field(data)]] }
        return items.map { item in
            if case .array(let row) = item { row.map(field) } else { [field(item)] }
        }
    }

    private static func field(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { Output.text(value) }
    }

    /// Draws a box around rows, as wide as the terminal at the most.
    private func box(_ rows: [[String]], hasNames: Bool) throws {
        guard let count = rows.map(\.count).max(), count > 0 else { return }
        let rows = rows.map { row in
            (0..<count).map { TerminalText.cut($0 < row.count ? row[$0] : "", Self.widestField) }
        }
        var widths = (0..<count).map { column in rows.map { TerminalText.width($0[column]) }.max() ?? 0 }
        while widths.count > 1, widths.reduce(1, { $0 + $1 + 3 }) > Output.width { widths.removeLast() }
        func rule(_ left: String, _ middle: String, _ right: String) -> String {
            left + widths.map { String(repeating: "─", count: $0 + 2) }.joined(separator: middle) + right + "\n"
        }
        var text = "\n" + rule("┌", "┬", "┐")
        for (number, row) in rows.enumerated() {
            text += "│ " + zip(row, widths).map(TerminalText.right).joined(separator: " │ ") + " │\n"
            if number == 0, hasNames { text += rule("├", "┼", "┤") }
        }
        try Output.write((text + rule("└", "┴", "┘")).utf8)
    }

    private static let widestField = 32

    /// A line for values, if there are numbers among them.
    private func sparkline(_ name: String, _ values: [JSONValue]) throws {
        let numbers = values.map { value -> Double? in
            switch value {
            case .number(.integer(let number)): Double(number)
            case .number(.unsigned(let number)): Double(number)
            case .number(.double(let number)) where number.isFinite: number
            default: nil
            }
        }
        let name = TerminalText.cut(name, 24)
        let width = max(10, Output.width - TerminalText.width(name) - 2)
        guard let line = Sparkline.text(numbers, width: width) else { return }
        try Output.write("\(Output.coloured(name, 2)) \(Output.coloured(line, 36))\n".utf8)
    }
}
