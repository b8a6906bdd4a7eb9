internal import MicroHTTP
internal import Synchronization

/// Counts of answered requests by route, method and status, and how long they took by route.
///
/// Plain atomics in two tables: no lock and no allocation, for every small read passes here.
///
/// `@unchecked Sendable` because the tables are made once, and their elements are atomic.
final class RequestMetrics: @unchecked Sendable {
    /// Upper ends of the buckets, in nanoseconds, and as Prometheus has them, in seconds.
    static let bounds: [(ns: Int64, text: StaticString)] = [
        (100_000, "0.0001"), (250_000, "0.00025"), (500_000, "0.0005"), (1_000_000, "0.001"), (2_500_000, "0.0025"),
        (5_000_000, "0.005"), (10_000_000, "0.01"), (25_000_000, "0.025"), (50_000_000, "0.05"), (100_000_000, "0.1"),
        (250_000_000, "0.25"), (500_000_000, "0.5"), (1_000_000_000, "1"), (2_500_000_000, "2.5"),
        (5_000_000_000, "5"), (10_000_000_000, "10"),
    ]
    static let methods: [Method] = [.get, .head, .post, .put, .patch, .delete, .options, .other]
    /// All statuses that the gateway gives; another one, which a test would find, counts as 500.
    static let statuses = [
        200, 201, 204, 206, 304, 400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 416, 417, 422, 428, 429, 431, 500,
        503, 507,
    ]

    private let counts: AtomicTable
    /// For each route: a count for each bucket, one for what is slower than all, and the sum in nanoseconds.
    private let times: AtomicTable
    private let bounds = RequestMetrics.bounds.map(\.ns)
    private let statusIndex: [UInt8]

    init() {
        counts = AtomicTable(RouteKind.allCases.count * Self.methods.count * Self.statuses.count)
        times = AtomicTable(RouteKind.allCases.count * (Self.bounds.count + 2))
        let other = UInt8(Self.statuses.firstIndex(of: 500) ?? 0)
        var index = [UInt8](repeating: other, count: 600)
        for (number, status) in Self.statuses.enumerated() { index[status] = UInt8(number) }
        statusIndex = index
    }

    /// Counts an answer.
    func count(_ route: RouteKind, _ method: Method, status: Int, ns: Int64) {
        let status = Int(statusIndex[min(max(status, 0), 599)])
        counts.add(1, at: Self.place(route, Self.index(of: method), status))
        var bucket = 0
        while bucket < bounds.count, ns > bounds[bucket] { bucket += 1 }
        let row = route.rawValue * (bounds.count + 2)
        times.add(1, at: row + bucket)
        times.add(Int(ns), at: row + bounds.count + 1)
    }

    /// How many there were.
    func requests(_ route: RouteKind, method: Int, status: Int) -> Int { counts[Self.place(route, method, status)] }

    /// How many fell into each bucket, the last one without an upper end, and the sum of all in seconds.
    func durations(_ route: RouteKind) -> (buckets: [Int], seconds: Double) {
        let row = route.rawValue * (bounds.count + 2)
        return ((0...bounds.count).map { times[row + $0] }, Double(times[row + bounds.count + 1]) / 1e9)
    }

    private static func place(_ route: RouteKind, _ method: Int, _ status: Int) -> Int {
        (route.rawValue * methods.count + method) * statuses.count + status
    }

    private static func index(of method: Method) -> Int {
        switch method {
        case .get: 0
        case .head: 1
        case .post: 2
        case .put: 3
        case .patch: 4
        case .delete: 5
        case .options: 6
        case .other: 7
        }
    }
}

/// Counts that any thread may change.
private final class AtomicTable: @unchecked Sendable {
    private let values: UnsafeMutablePointer<Atomic<Int>>
    private let count: Int

    init(_ count: Int) {
        self.count = count
        values = .allocate(capacity: count)
        for index in 0..<count { (values + index).initialize(to: Atomic(0)) }
    }

    deinit {
        values.deinitialize(count: count)
        values.deallocate()
    }

    func add(_ difference: Int, at index: Int) { values[index].add(difference, ordering: .relaxed) }

    subscript(index: Int) -> Int { values[index].load(ordering: .relaxed) }
}
