import Testing

/// Arrow streams of columns that need no conversion are gathered where they are sent from.
@Suite struct ArrowOutlineTests {
    /// A layout of columns `x` and `n`, or of values alone, and how many rows it has.
    struct Table: Sendable, CustomTestStringConvertible {
        let rows: Int
        let columns: String
        let index: String

        var isSeries: Bool { !columns.hasPrefix("[") }
        var layout: String {
            isSeries
                ? #"{"kind": "series", "name": "x", "dtype": \#(columns), "index": \#(index)}"#
                : #"{"kind": "dataframe", "columns": \#(columns), "index": \#(index)}"#
        }
        var testDescription: String { "\(rows) rows of \(columns)" }

        /// The body of a PATCH with a number in each row.
        var values: String {
            let values = "[" + (0..<rows).map { "\($0 % 251)" }.joined(separator: ",") + "]"
            return isSeries ? values : #"{"x": \#(values), "n": \#(values)}"#
        }
    }

    private static let tables = [
        // Two batches and a bit, beyond a batch's 65,536 rows, and gaps behind the four bytes of an odd number of rows.
        Table(
            rows: 131_075,
            columns: #"[{"name": "x", "dtype": "float64"}, {"name": "n", "dtype": "int32"}]"#,
            index: #"{"dtype": "datetime64[s]", "start": "2025-01-01", "periods": 131075, "freq": "1s"}"#
        ),
        Table(
            rows: 3_999,
            columns: #"[{"name": "x", "dtype": "float32"}, {"name": "n", "dtype": "int16"}]"#,
            index: #"{"range": [0, 3999, 1]}"#
        ),
        Table(
            rows: 5,
            columns: #"[{"name": "x", "dtype": "uint8"}, {"name": "n", "dtype": "int64"}]"#,
            index: #"{"dtype": "str", "data": ["a", "", "ccc", "日本", "e"]}"#
        ),
        Table(
            rows: 3,
            columns: #""int64""#,
            index: #"{"dtype": "datetime64[ns]", "data": ["2025-01-01", null, "2025-01-02"]}"#
        ),
    ]
    private static let json = ["Content-Type: application/json"]

    @Test("what is gathered into a stream is what is made of a copy", arguments: tables, ["arrow", "arrow-file"])
    func same(table: Table, format: String) throws {
        try withGateway { gateway in
            try gateway.create("a", table.layout)
            let patched = try gateway.ask("PATCH", "/segments/a/data?orient=columns", Self.json, text: table.values)
            try #require(patched.status == 204, "\(patched.text)")
            for selection in ["", "&slice=1:4", "&slice=::-2", "&slice=2:2", "&slice=[2,0,2]"] {
                let target = "/segments/a/data?format=\(format)\(selection)"
                // Who chooses rows has a copy of all first, and makes the stream of those that he chose.
                let copied = try gateway.ask("GET", target + "&max_points=10000000")
                try #require(copied.status == 200, "\(copied.text)")
                for _ in 0..<3 {
                    let gathered = try gateway.ask("GET", target)
                    #expect(gathered.status == 200 && gathered.body == copied.body, "\(target)")
                    #expect(gathered.headers["content-type"] == copied.headers["content-type"])
                }
            }
        }
    }

    @Test("a stream that comes again has the values of now")
    func now() throws {
        try withGateway { gateway in
            try gateway.create("a", Self.tables[1].layout)
            var before: [UInt8] = []
            for value in 1...4 {
                let patched = try gateway.ask(
                    "PATCH",
                    "/segments/a/data?columns=x&slice=5",
                    Self.json,
                    text: "{\"data\": [\(value)]}"
                )
                #expect(patched.status == 204, "\(patched.text)")
                let answer = try gateway.ask("GET", "/segments/a/data?format=arrow")
                let same = try gateway.ask("GET", "/segments/a/data?format=arrow&max_points=1000000")
                #expect(answer.body == same.body && answer.body != before)
                before = answer.body
            }
        }
    }
}
