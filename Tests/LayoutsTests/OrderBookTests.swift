import Layouts
import Segments
import TestSupport
import Testing

@testable import OrderBookExample

/// A layout of the user's own, as Examples/Swift/OrderBook has it.
@Suite struct OrderBookTests {
    let scratch: ScratchDirectory
    let shm: SegmentDirectory

    init() throws {
        scratch = try ScratchDirectory()
        shm = try scratch.segments()
    }

    @Test("the example runs, each of its steps in a process of its own")
    func example() async throws {
        await #expect(processExitsWith: .success) { [path = scratch.path as String] in
            try openMarket(in: SegmentDirectory(path: path))
        }
        #expect(try quote(in: shm) == "3 levels, 99.5 bid, 100.5 asked, sequence 4")
        await #expect(processExitsWith: .success) { [path = scratch.path as String] in
            try raiseBid(to: 100, in: SegmentDirectory(path: path))
        }
        #expect(try quote(in: shm) == "3 levels, 100.0 bid, 100.5 asked, sequence 6")
    }

    @Test("the header has the layout that it stands for, and beside it the alias")
    func header() throws {
        let book = try SharedObject.create("book", OrderBook(depth: 2), in: shm)
        let side =
            #"{"kind":"dataframe","columns":[{"name":"price","dtype":"<f8"},{"name":"size","dtype":"<i8"}],"#
            + #""index":{"range":[0,2,1]}}"#
        let built = #"{"kind":"struct","members":{"bids":\#(side),"asks":\#(side)}"#
        #expect(book.layout.json == built + #","alias":{"kind":"orderbook","depth":2}}"#)
        #expect(book.layout.kind == "struct")
        let asPlain = try book.layout(as: StructLayout.self)
        #expect(asPlain.members.map(\.name) == ["bids", "asks"])
        #expect(try book.layout(as: OrderBook.self).depth == 2)
        #expect(throws: LayoutError.invalidLayout("expected the layout series, got orderbook")) {
            try book.layout(as: SeriesLayout.self)
        }
        #expect(throws: LayoutError.invalidLayout("expected the layout other, got orderbook")) {
            try book.layout(as: Other.self)
        }
        let plain = try SharedObject.create("plain", BytesLayout(size: 1), in: shm)
        #expect(throws: LayoutError.invalidLayout("expected the layout orderbook, got bytes")) {
            try plain.layout(as: OrderBook.self)
        }
        #expect(try plain.layout(as: BytesLayout.self).size == 1)
    }

    @Test("a layout of one's own stands in others, and is given back there too")
    func nested() throws {
        let registry = LayoutRegistry()
        registry.register(OrderBook.self)
        let json = #"{"kind":"list","item":{"kind":"orderbook","depth":1},"count":2}"#
        #expect(throws: LayoutError.self) { try LayoutNode(json: json, registry: LayoutRegistry()) }
        let books = try SharedObject.create("books", LayoutNode(json: json, registry: registry), in: shm)
        let item = try SharedObject.load("books", in: shm).layout(as: ListLayout.self).item
        #expect(try item.layout(as: OrderBook.self).depth == 1)
        #expect(books.arrays.count == 8)
        #expect(
            try LayoutNode(json: #"{"kind":"orderbook"}"#, registry: registry).layout(as: OrderBook.self).depth == 10
        )
    }

    @Test("fields that are wrong or unknown are refused")
    func fields() throws {
        let registry = LayoutRegistry()
        registry.register(OrderBook.self)
        for json in [
            #"{"kind":"orderbook","depth":-1}"#, #"{"kind":"orderbook","depth":"x"}"#,
            #"{"kind":"orderbook","depht":1}"#, #"{"kind":"orderbook","depth":1e999}"#, #"{"kind":"orderbook""#, "[]",
            "",
        ] {
            #expect(throws: LayoutError.self) { try LayoutNode(json: json, registry: registry) }
        }
    }

    @Test("an alias that does not stand for what it is found beside is corrupt")
    func forged() throws {
        _ = try SharedObject.create("book", OrderBook(depth: 2), in: shm)
        let file = RawFile(scratch.path("book"))
        let header = String(decoding: try file.bytes(4096..<8192).prefix { $0 != 0 }, as: UTF8.self)
        try file.patch(Array(header.replacing("\"depth\":2", with: "\"depth\":3").utf8), at: 4096)
        let book = try SharedObject.load("book", in: shm)
        #expect(throws: LayoutError.corrupt("the layout orderbook stands for another struct than the one that is here"))
        {
            try book.layout(as: OrderBook.self)
        }
        try file.patch(Array(header.replacing("\"depth\":2", with: "\"depth\":[").utf8), at: 4096)
        #expect(throws: LayoutError.self) { try SharedObject.load("book", in: shm) }
        try file.patch(Array(header.replacing("\"depth\":2", with: "\"depht\":2").utf8), at: 4096)
        let other = try SharedObject.load("book", in: shm)
        #expect(throws: LayoutError.self) { try other.layout(as: OrderBook.self) }
    }

    /// Every kind of parameter.
    struct Other: Layout, Equatable {
        static let kind = "other"
        var size = 1
        var shift = -2
        var rate = 1.5
        var unit = "\"m\""
        var isOpen = true

        init() {}
        init(fields: inout LayoutFields) throws(LayoutError) {
            size = try fields.count("size")
            shift = try fields.integer("shift", default: 0)
            rate = try fields.number("rate")
            unit = try fields.string("unit", default: "s")
            isOpen = try fields.flag("isOpen", default: false)
        }

        var form: LayoutForm { .bytes(BytesLayout(size: size)) }
        var parameters: [LayoutParameter] {
            [
                LayoutParameter("size", .integer(size)), LayoutParameter("shift", .integer(shift)),
                LayoutParameter("rate", .number(rate)), LayoutParameter("unit", .text(unit)),
                LayoutParameter("isOpen", .flag(isOpen)),
            ]
        }
    }

    @Test("parameters of every kind are written down and read back")
    func parameters() throws {
        let node = LayoutNode(Other())
        #expect(
            node.json
                == #"{"kind":"bytes","size":1,"alias":"#
                + #"{"kind":"other","size":1,"shift":-2,"rate":1.5,"unit":"\"m\"","isOpen":true}}"#
        )
        #expect(try node.layout(as: Other.self) == Other())
        let registry = LayoutRegistry()
        registry.register(Other.self)
        let given = try LayoutNode(json: #"{"kind":"other","size":3,"rate":null}"#, registry: registry)
        let read = try given.layout(as: Other.self)
        #expect(read.size == 3 && read.shift == 0 && read.rate.isNaN && read.unit == "s" && !read.isOpen)
        for json in [
            #"{"kind":"other","size":3}"#, #"{"kind":"other","size":3,"rate":"1"}"#,
            #"{"kind":"other","size":3,"rate":1,"shift":0.5}"#, #"{"kind":"other","size":3,"rate":1,"unit":null}"#,
            #"{"kind":"other","size":3,"rate":1,"isOpen":1}"#,
        ] {
            #expect(throws: LayoutError.self) { try LayoutNode(json: json, registry: registry) }
        }
    }
}
