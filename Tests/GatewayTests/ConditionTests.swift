import Segments
import Testing

@testable import Gateway

/// Entity tags and what depends on them.
@Suite struct ConditionTests {
    private let uuid = "01234567-89ab-4def-8123-456789abcdef"

    private func tag(_ sequence: UInt64) throws -> EntityTag {
        EntityTag(uuid: try #require(UUID(uuid)), sequence: sequence)
    }

    @Test("a tag has the segment, the sequence, and the representation unless it is the default")
    func text() throws {
        #expect(try tag(42).text() == "\"\(uuid)-42\"")
        #expect(try tag(42).text("npy") == "\"\(uuid)-42-npy\"")
        #expect(try tag(.max).text() == "\"\(uuid)-18446744073709551615\"")
    }

    @Test("no field is no condition")
    func none() throws { #expect(try TagCondition([], allowsWeak: true) == nil) }

    @Test(
        "a write is allowed by a tag of its segment and sequence, whatever the representation",
        arguments: [
            ("U-42", true), ("U-42-npy", true), ("U-42-raw", true), ("U-42-npy-gzip", true), ("U-4", false),
            ("U-420", false), ("U-43", false), ("U-420-npy", false), ("U", false), ("", false), ("u-42", false),
            ("x-42", false), ("U-42npy", false), (" U-42", false), ("U--42", false),
        ]
    )
    func writing(text: String, isMatch: Bool) throws {
        let spelled = "\"\(text.replacing("U", with: uuid))\""
        let condition = try #require(try TagCondition([spelled], allowsWeak: false))
        #expect(condition.matches(try tag(42)) == isMatch)
    }

    @Test("a weak tag allows no write and is good for reading")
    func weak() throws {
        let lines = ["W/\"\(uuid)-42\""]
        #expect(try TagCondition(lines, allowsWeak: false)?.matches(tag(42)) == false)
        #expect(try TagCondition(lines, allowsWeak: true)?.match(tag(42).text()) == tag(42).text())
    }

    @Test("empty members of a list count for nothing")
    func emptyMembers() throws {
        let lines = [", ,\"x\", , \"\(uuid)-42\",", ","]
        #expect(try TagCondition(lines, allowsWeak: true)?.match(tag(42).text()) == tag(42).text())
        #expect(try TagCondition([","], allowsWeak: true)?.match(tag(42).text()) == nil)
    }

    @Test("a star matches whatever there is")
    func star() throws {
        let condition = try #require(try TagCondition([" * "], allowsWeak: false))
        #expect(condition.matches(try tag(1)))
        #expect(condition.match("\"anything\"") != nil)
    }

    @Test(
        "one of several tags suffices, on one line or on many",
        arguments: [
            ["\"a\", \"T\""], ["\"a\"", "\"T\""], ["\"a\",\"T\",\"b\""], ["W/\"a\" , \"T\""], ["\"a,b\", \"T\""],
        ]
    )
    func several(lines: [String]) throws {
        let spelled = lines.map { $0.replacing("T", with: "\(uuid)-42") }
        let condition = try #require(try TagCondition(spelled, allowsWeak: false))
        #expect(condition.matches(try tag(42)))
        #expect(!condition.matches(try tag(44)))
    }

    @Test("reading compares the whole tag")
    func reading() throws {
        let condition = try #require(try TagCondition([tag(42).text("npy")], allowsWeak: true))
        #expect(condition.match(try tag(42).text("npy")) == (try tag(42).text("npy")))
        #expect(condition.match(try tag(42).text("raw")) == nil)
        #expect(condition.match(try tag(42).text()) == nil)
    }

    @Test("reading knows the tag of the same bytes packed", arguments: ["gzip", "zstd"])
    func packed(coding: String) throws {
        let condition = try #require(try TagCondition([tag(42).text("npy-\(coding)")], allowsWeak: true))
        #expect(condition.match(try tag(42).text("npy")) == (try tag(42).text("npy-\(coding)")))
        #expect(condition.match(try tag(42).text()) == nil)
        #expect(condition.match(try tag(44).text("npy")) == nil)
    }

    @Test(
        "what is no list of tags is refused",
        arguments: [
            "a", "\"a", "a\"", "'a'", "\"a\" \"b\"", "\"a\"b", "w/\"a\"", "W/a", "W/", "*, \"a\"", "\"a\", *",
            "\"a\";q=1", "**",
        ]
    )
    func refused(line: String) {
        #expect {
            try TagCondition([line], allowsWeak: true)
        } throws: {
            ($0 as? Problem)?.code == .invalidHeader
        }
    }

    @Test("a read that knows the tag is 304 with the tag and without a body")
    func notModified() throws {
        try withGateway { host in
            try host.create("a", #"{"kind": "ndarray", "dtype": "int32", "shape": [3]}"#)
            for target in ["/segments/a", "/segments/a/data", "/segments/a/data?format=npy"] {
                let tag = try #require(try host.ask("GET", target).headers["etag"])
                let again = try host.ask("GET", target, ["If-None-Match: \"x\", W/\(tag)"])
                #expect(again.status == 304)
                #expect(again.headers["etag"] == tag)
                #expect(again.body.isEmpty)
                #expect(again.headers["content-length"] == nil, "0 is not the length of what GET would give")
            }
        }
    }

    @Test("one of two writes with the same tag succeeds")
    func compareAndSet() throws {
        try withGateway { host in
            try host.create("a", #"{"kind": "ndarray", "dtype": "int32", "shape": [3]}"#)
            let tag = try #require(try host.ask("GET", "/segments/a/data?format=raw").headers["etag"])
            let fields = ["Content-Type: application/json", "If-Match: \(tag)"]
            let first = try host.ask("PATCH", "/segments/a/data", fields, text: "1")
            #expect(first.status == 204)
            #expect(first.headers["content-length"] == nil)
            #expect(try host.ask("PATCH", "/segments/a/data", fields, text: "2").code == "precondition-failed")
            let next = try #require(first.headers["etag"])
            let answer = try host.ask(
                "PATCH",
                "/segments/a/data",
                ["Content-Type: application/json", "If-Match: \(next)"],
                text: "3"
            )
            #expect(answer.status == 204)
            #expect(try host.ask("GET", "/segments/a/data").text.contains("[3,3,3]"))
            #expect(try host.ask("DELETE", "/segments/a", ["If-Match: \(next)"]).code == "precondition-failed")
            #expect(try host.ask("DELETE", "/segments/a", ["If-Match: *"]).status == 204)
            #expect(host.files() == [])
        }
    }
}

/// The choice of a representation.
@Suite struct FormatTests {
    private static let binary: [Format] = [.json, .npy, .raw]

    @Test(
        "Accept chooses",
        arguments: [
            ([], "json"), (["*/*"], "json"), (["application/*"], "json"), (["application/json"], "json"),
            (["application/x-npy"], "npy"), (["application/octet-stream"], "raw"), (["APPLICATION/X-NPY"], "npy"),
            (["application/json, application/x-npy"], "json"), (["application/x-npy, application/json"], "json"),
            (["application/json;q=0.5, application/x-npy"], "npy"),
            (["application/json;q=0.5, application/x-npy;q=0.6, */*;q=0.9"], "raw"),
            (["*/*;q=0.1, application/octet-stream;q=0.2"], "raw"), (["text/html, */*;q=0.8"], "json"),
            (["application/json;q=0, */*"], "npy"), (["application/json; Q=0 , application/*"], "npy"),
            (["text/html", "application/x-npy"], "npy"),
            (["application/json;charset=utf-8;q=0.1,application/x-npy;q=0.2"], "npy"),
            (["application/json;q=0.000, application/x-npy;q=0.001"], "npy"), (["image/png"], nil), (["text/*"], nil),
            (["application/json;q=0"], nil), (["*/*;q=0"], nil), (["application/json;q=much"], nil), (["json"], nil),
            (["application"], nil),
        ] as [([String], String?)]
    )
    func accept(lines: [String], expected: String?) throws {
        if let expected {
            #expect(try Format.choose(parameter: nil, accept: lines, among: Self.binary).rawValue == expected)
        } else {
            #expect {
                try Format.choose(parameter: nil, accept: lines, among: Self.binary)
            } throws: {
                ($0 as? Problem)?.code == .notAcceptable
            }
        }
    }

    @Test("a quality that is no number from 0 to 1 is none", arguments: ["nan", "inf", "-1", "2", ""])
    func qualities(quality: String) throws {
        let line = "application/x-npy;q=\(quality), application/json;q=0.5"
        #expect(try Format.choose(parameter: nil, accept: [line], among: Self.binary) == .json)
    }

    @Test("the parameter beats Accept")
    func parameter() throws {
        #expect(try Format.choose(parameter: "raw", accept: ["application/json"], among: Self.binary) == .raw)
        #expect(try Format.choose(parameter: "npy", accept: ["image/png"], among: Self.binary) == .npy)
        for text in ["", "JSON", "xml", "json "] {
            #expect {
                try Format.choose(parameter: text, accept: [], among: Self.binary)
            } throws: {
                ($0 as? Problem)?.code == .notAcceptable
            }
        }
    }

    @Test("a body is what its Content-Type says")
    func body() throws {
        #expect(try Format.body("application/json") == .json)
        #expect(try Format.body("Application/JSON; charset=utf-8") == .json)
        #expect(try Format.body("application/x-npy") == .npy)
        #expect(try Format.body(" application/octet-stream ") == .raw)
        for type in [nil, "", "text/plain", "application/*", "*/*", "application/jsonx", ";application/json"] {
            #expect {
                try Format.body(type)
            } throws: {
                ($0 as? Problem)?.code == .unsupportedMediaType
            }
        }
    }
}
