import Testing

/// Small requests pass long ones.
@Suite struct LongWorkTests {
    @Test(
        "a worker pauses in a long answer, in whatever form it is",
        arguments: ["format=raw", "format=npy", "format=json", "slice=::2&format=raw", "slice=::2&format=json"]
    )
    func pauses(query: String) throws {
        try withGateway { gateway in
            try gateway.create("a", #"{"kind": "ndarray", "dtype": "float64", "shape": [1000000]}"#)
            let before = gateway.pauseCount
            #expect(try gateway.ask("GET", "/segments/a/data?slice=5").status == 200)
            #expect(gateway.pauseCount == before, "a small answer does not")
            #expect(try gateway.ask("GET", "/segments/a/data?\(query)").status == 200)
            #expect(gateway.pauseCount >= before + 10)
        }
    }

    @Test("a worker pauses in the rows of a dataframe", arguments: ["json", "csv"])
    func rows(format: String) throws {
        try withGateway { gateway in
            try gateway.create(
                "a",
                #"{"kind": "dataframe", "columns": [{"name": "x", "dtype": "float64"}, {"name": "y", "dtype": "int64"}], "#
                    + #""index": {"range": [0, 200000, 1]}}"#
            )
            let before = gateway.pauseCount
            #expect(try gateway.ask("GET", "/segments/a/data?format=\(format)").status == 200)
            #expect(gateway.pauseCount >= before + 10)
        }
    }

    @Test("a worker pauses in many columns as in one, as an Arrow stream too")
    func columns() throws {
        try withGateway { gateway in
            let columns = (0..<20).map { #"{"name": "c\#($0)", "dtype": "float32"}"# }.joined(separator: ",")
            try gateway.create(
                "a",
                #"{"kind": "dataframe", "columns": [\#(columns)], "index": {"range": [0, 60000, 1]}}"#
            )
            let before = gateway.pauseCount
            #expect(try gateway.ask("GET", "/segments/a/data?format=arrow").status == 200)
            #expect(gateway.pauseCount >= before + 9, "4.8 MB are copied, no column of which is 256 KiB")
        }
    }
}
