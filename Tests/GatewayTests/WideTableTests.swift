import Testing

/// Rows are made by column where that pays, and cell by cell elsewhere; the text is the same.
@Suite struct WideTableTests {
    private static func layout(_ dtypes: [String], rows: Int) -> String {
        let columns = dtypes.enumerated().map { #"{"name": "c\#($0)", "dtype": "\#($1)"}"# }.joined(separator: ",")
        return #"{"kind": "dataframe", "columns": [\#(columns)], "index": {"range": [0, \#(rows), 1]}}"#
    }

    private static let usual = ["float64", "float32", "int64", "int32", "float64", "uint8", "bool", "S5"]

    @Test(
        "whole tables are their rows one by one",
        arguments: [
            (usual, 200), (usual, 7), (usual, 8), (usual, 65), ([String](repeating: "float32", count: 300), 10),
            (["S9000", "float64"], 70),
        ]
    )
    func rows(dtypes: [String], count: Int) throws {
        try withGateway { gateway in
            try gateway.create("a", Self.layout(dtypes, rows: count))
            for (number, dtype) in dtypes.prefix(8).enumerated()
            where dtype.hasPrefix("float") || dtype.hasPrefix("int") {
                let values = (0..<count).map { row in
                    switch (row + number) % 5 {
                    case 0 where dtype.hasPrefix("float"): "\"NaN\""
                    case 1 where dtype.hasPrefix("float"): "\"-Infinity\""
                    case 2: "-\(row)"
                    default: dtype.hasPrefix("float") ? "\(row).25" : "\(row * 1_000)"
                    }
                }
                let patched = try gateway.ask(
                    "PATCH",
                    "/segments/a/data?orient=columns&columns=c\(number)",
                    ["Content-Type: application/json"],
                    text: "{\"c\(number)\": [\(values.joined(separator: ","))]}"
                )
                try #require(patched.status == 204, "\(patched.text)")
            }
            for options in ["", "&nan=string&int64=string"] {
                func get(_ more: String) throws -> String {
                    let answer = try gateway.ask("GET", "/segments/a/data?\(more)\(options)")
                    try #require(answer.status == 200, "\(answer.text)")
                    return answer.text
                }
                // A few rows are never made by column.
                var lines = ""
                var rows: [String] = []
                for first in Swift.stride(from: 0, to: count, by: 4) {
                    let slice = "slice=\(first):\(min(first + 4, count))"
                    let text = try get("format=csv&\(slice)")
                    lines += first == 0 ? text : String(text.drop { $0 != "\n" }.dropFirst())
                    let json = try get("format=json&\(slice)")
                    rows.append(String(json.split(separator: "\"data\":[", maxSplits: 1)[1].dropLast(2)))
                }
                for _ in 0..<2 {
                    #expect(try get("format=csv") == lines)
                    #expect(try get("format=json").hasSuffix("\"data\":[\(rows.joined(separator: ","))]}"))
                }
            }
        }
    }
}
