import Documents
import TestSupport
import Testing

@testable import Layouts

/// Layouts of the user's own as JSON with holes.
@Suite struct LayoutTemplateTests {
    let registry = LayoutRegistry()

    private func register(_ kind: String, _ json: String) throws {
        registry.register(try LayoutTemplate(kind: kind, .parse(json)))
    }

    private func check(_ kind: String, _ json: String) throws {
        try LayoutTemplate(kind: kind, .parse(json)).check(among: registry)
    }

    private func node(_ json: String) throws -> LayoutNode { try LayoutNode(json: json, registry: registry) }

    static let book =
        #"{"parameters":{"depth":10,"dtype":"f8"},"layout":{"kind":"struct","members":{"bids":"#
        + #"{"kind":"ndarray","dtype":{"$":"dtype"},"shape":[{"$":"depth"},2]}}}}"#

    @Test("holes are filled with the defaults or with what is given")
    func holes() throws {
        try register("book", Self.book)
        #expect(
            try node(#"{"kind":"book"}"#).json
                == #"{"kind":"struct","members":{"bids":{"kind":"ndarray","dtype":"<f8","shape":[10,2]}},"#
                + #""alias":{"kind":"book","depth":10,"dtype":"f8"}}"#
        )
        let given = try node(#"{"kind":"book","dtype":"i4","depth":3}"#)
        #expect(given.arrays.map(\.shape) == [[3, 2]])
        #expect(given.alias == #"{"kind":"book","depth":3,"dtype":"i4"}"#)
        let text = try LayoutTemplate(kind: "book", .parse(Self.book))
        var json = JSONWriter()
        text.write(to: &json)
        #expect(json.finish().text == #"{"kind":"book","# + Self.book.dropFirst())
    }

    @Test("a parameter that is not declared, or has a value that fits nowhere, is refused")
    func wrongParameters() throws {
        try register("book", Self.book)
        for json in [
            #"{"kind":"book","depht":3}"#, #"{"kind":"book","depth":-1}"#, #"{"kind":"book","dtype":"O"}"#,
            #"{"kind":"book","depth":{"$":"depth"}}"#, #"{"kind":"books"}"#,
        ] {
            #expect(throws: LayoutError.self) { try node(json) }
        }
    }

    @Test(
        "a template that could stand for nothing is refused",
        arguments: [
            "[]", "{}", #"{"layout":{"kind":"bytes","size":1},"more":1}"#, #"{"parameters":[],"layout":{}}"#,
            #"{"parameters":{"kind":1},"layout":{"kind":"bytes","size":1}}"#, #"{"layout":{"kind":"bytes"}}"#,
            #"{"layout":{"kind":"bytes","size":{"$":"n"}}}"#, #"{"layout":{"kind":"nothing"}}"#, #"{"layout":3}"#,
            #"{"parameters":{"n":"x"},"layout":{"kind":"bytes","size":{"$":"n"}}}"#,
        ]
    )
    func refused(_ json: String) { #expect(throws: LayoutError.self) { try check("t", json) } }

    @Test(
        "a kind is a word of 1 to 100 bytes",
        arguments: ["", "a b", "a/b", "é", "..", String(repeating: "a", count: 101)]
    )
    func kinds(_ kind: String) {
        #expect(throws: LayoutError.self) {
            try LayoutTemplate(kind: kind, .parse(#"{"layout":{"kind":"bytes","size":1}}"#))
        }
    }

    @Test("templates build on each other, and the header has the outermost alias of each node")
    func nested() throws {
        try register("inner", #"{"parameters":{"n":1},"layout":{"kind":"bytes","size":{"$":"n"}}}"#)
        try register("outer", #"{"parameters":{"m":2},"layout":{"kind":"inner","n":{"$":"m"}}}"#)
        try register("pair", #"{"layout":{"kind":"list","item":{"kind":"outer","m":5},"count":2}}"#)
        #expect(try node(#"{"kind":"outer"}"#).json == #"{"kind":"bytes","size":2,"alias":{"kind":"outer","m":2}}"#)
        #expect(
            try node(#"{"kind":"pair"}"#).json
                == #"{"kind":"list","item":{"kind":"bytes","size":5,"alias":{"kind":"outer","m":5}},"count":2,"#
                + #""alias":{"kind":"pair"}}"#
        )
        #expect(registry.forget(template: "inner"))
        #expect(throws: LayoutError.self) { try node(#"{"kind":"outer"}"#) }
    }

    @Test("templates that refer to themselves or to each other are refused")
    func circles() throws {
        #expect(throws: LayoutError.self) { try check("self", #"{"layout":{"kind":"self"}}"#) }
        #expect(throws: LayoutError.self) {
            try check("self", #"{"layout":{"kind":"struct","members":{"a":{"kind":"self"},"b":{"kind":"self"}}}}"#)
        }
        try register("one", #"{"layout":{"kind":"list","item":{"kind":"two"},"count":2}}"#)
        try register("two", #"{"layout":{"kind":"list","item":{"kind":"one"},"count":2}}"#)
        #expect(throws: LayoutError.self) { try node(#"{"kind":"one"}"#) }
        #expect(throws: LayoutError.self) { try check("three", #"{"layout":{"kind":"one"}}"#) }
    }

    @Test("a chain of templates that each double what they are given ends in an error, not in all of memory")
    func doubling() async throws {
        await #expect(processExitsWith: .success) {
            Watchdog.start(seconds: 600)
            let registry = LayoutRegistry()
            func register(_ kind: String, _ json: String) throws {
                registry.register(try LayoutTemplate(kind: kind, .parse(json)))
            }
            try register("v0", #"{"parameters":{"p":[0]},"layout":{"kind":"json","value":{"$":"p"}}}"#)
            try register("m0", #"{"layout":{"kind":"bytes","size":1}}"#)
            for level in 1...28 {
                let below = level - 1
                try register(
                    "v\(level)",
                    #"{"parameters":{"p":[0]},"layout":{"kind":"v\#(below)","p":[{"$":"p"},{"$":"p"},{"$":"p"}]}}"#
                )
                try register(
                    "m\(level)",
                    #"{"layout":{"kind":"struct","members":{"a":{"kind":"m\#(below)"},"b":{"kind":"m\#(below)"}}}}"#
                )
            }
            #expect(throws: LayoutError.self) { try LayoutNode(json: #"{"kind":"v28"}"#, registry: registry) }
            try register("grows", #"{"parameters":{"n":[1]},"layout":{"kind":"grows","n":[{"$":"n"},{"$":"n"}]}}"#)
            #expect(throws: LayoutError.self) { try LayoutNode(json: #"{"kind":"grows"}"#, registry: registry) }
            #expect(throws: LayoutError.self) { try LayoutNode(json: #"{"kind":"m28"}"#, registry: registry) }
            #expect(try LayoutNode(json: #"{"kind":"v6"}"#, registry: registry).kind == "json")
        }
    }

    @Test("a built-in kind is not a template's to take, and one registered twice is replaced")
    func registering() throws {
        try register("a", #"{"layout":{"kind":"bytes","size":1}}"#)
        #expect(!registry.register(try LayoutTemplate(kind: "a", .parse(#"{"layout":{"kind":"bytes","size":2}}"#))))
        #expect(try node(#"{"kind":"a"}"#).arrays[0].shape == [2])
        #expect(registry.templates.map(\.kind) == ["a"])
        #expect(registry.isBuiltIn("series") && !registry.isBuiltIn("a"))
        #expect(!registry.forget(template: "b"))
    }
}
