import Layouts
import Segments

/// The best offers of a market, best first: so many levels of price and size on either side.
///
/// Its header says `struct` of two `dataframe`s, so that pandas and every other client can read a book; and beside it
/// `{"kind": "orderbook", "depth": 3}`, so that who knows this type gets it back.
struct OrderBook: Layout {
    static let kind = "orderbook"

    let depth: Int
    let form: LayoutForm

    init(depth: Int) throws(LayoutError) {
        self.depth = depth
        let columns = try [DataFrameLayout.Column("price", Double.dtype), .init("size", Int64.dtype)]
        let side = LayoutNode(try DataFrameLayout(columns: columns, index: .range(0, depth)))
        form = .structure(try StructLayout([("bids", side), ("asks", side)]))
    }

    init(fields: inout LayoutFields) throws(LayoutError) { try self.init(depth: fields.count("depth", default: 10)) }

    var parameters: [LayoutParameter] { [LayoutParameter("depth", .integer(depth))] }
}

/// Makes a book from layout JSON, which may name the kind because it is registered, and opens the market.
func openMarket(in shm: SegmentDirectory) throws {
    LayoutRegistry.shared.register(OrderBook.self)
    let layout = try LayoutNode(json: #"{"kind": "orderbook", "depth": 3}"#)
    let book = try SharedObject.create("book", layout, in: shm)
    let (bids, asks) = try (
        book.array("members/bids/columns/price", of: Double.self),
        book.array("members/asks/columns/price", of: Double.self)
    )
    try book.write { changes in  // both sides or neither, whatever happens to this process
        try changes.set(bids, to: [99.5, 99.0, 98.5])
        try changes.set(asks, to: [100.5, 101.0, 101.5])
    }
}

/// Moves the best bid, in place and under the lock.
func raiseBid(to price: Double, in shm: SegmentDirectory) throws {
    let book = try SharedObject.load("book", in: shm)
    let bids = try book.array("members/bids/columns/price", of: Double.self)
    try book.modify { writer in writer.withMutableSpan(of: bids) { $0[0] = price } }
}

/// Says what the book says, as of one moment.
func quote(in shm: SegmentDirectory) throws -> String {
    let book = try SharedObject.load("book", in: shm)
    let depth = try book.layout(as: OrderBook.self).depth
    let now = try book.snapshot()
    let bid = try now.elements("members/bids/columns/price", of: Double.self)[0]
    let ask = try now.elements("members/asks/columns/price", of: Double.self)[0]
    return "\(depth) levels, \(bid) bid, \(ask) asked, sequence \(now.sequence)"
}
