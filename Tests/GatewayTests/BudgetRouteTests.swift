import Locks
import Segments
import TestSupport
import Testing

/// Limits of what segments may take, as the routes hold them.
@Suite struct BudgetRouteTests {
    private static let json = ["Content-Type: application/json"]
    private static let npyType = ["Content-Type: application/x-npy"]
    private static let small = #"{"kind": "ndarray", "dtype": "<f8", "shape": [4]}"#
    /// The bytes of a segment of such a layout.
    private static let bytes = 12_288

    private func limit(_ prefix: String = "", bytes: Int? = nil, count: Int? = nil) -> SegmentLimit {
        SegmentLimit(prefix: prefix, maxBytes: bytes, maxCount: count)
    }

    private func npyBody(_ count: Int) -> [UInt8] { npy("<f8", "(\(count),)", [UInt8](repeating: 0, count: count * 8)) }

    @Test("a creation by any road is refused beyond the limit, says what is left, and leaves nothing")
    func roads() throws {
        try withGateway(limits: [limit(bytes: 2 * Self.bytes)]) { host in
            try host.create("a", Self.small)
            let body = #"{"layout": {"kind": "bytes", "size": 20000}}"#
            let named = #"{"name": "b", "layout": {"kind": "bytes", "size": 20000}}"#
            for answer in [
                try host.ask("POST", "/segments", Self.json, text: named),
                try host.ask("PUT", "/segments/b", Self.json, text: body),
                try host.ask("PUT", "/segments/b", Self.npyType, npyBody(2_500)),
                try host.ask("PUT", "/segments/b?replace=true", Self.npyType, npyBody(2_500)),
            ] {
                #expect(answer.status == 507 && answer.code == "out-of-space", "\(answer.text)")
                #expect(answer.text.contains("\(Self.bytes) of \(2 * Self.bytes) bytes"), "\(answer.text)")
            }
            #expect(host.files() == ["a"])
            let before = host.bytes(of: "a")
            let answer = try host.ask("PUT", "/segments/a?replace=true", Self.npyType, npyBody(3_000))
            #expect(answer.status == 507 && host.bytes(of: "a") == before)
            #expect(try host.ask("PUT", "/segments/b", Self.npyType, npyBody(4)).status == 201)
            #expect(host.files() == ["a", "b"])
        }
    }

    @Test("a refused creation, and one that fails, give their room back")
    func failures() throws {
        try withGateway(limits: [limit(count: 1)]) { host in
            for _ in 0..<5 {
                let wrong = #"{"layout": {"kind": "ndarray", "dtype": "<i4", "shape": [2]}, "data": [1, "x"]}"#
                #expect(try host.ask("PUT", "/segments/a", Self.json, text: wrong).status >= 400)
                #expect(try host.ask("PUT", "/segments/a", Self.json + ["If-Match: *"], text: "{}").status >= 400)
            }
            try host.create("a", Self.small)
            #expect(try host.ask("PUT", "/segments/b", Self.npyType, npyBody(1)).status == 507)
            host.remove("a")
            #expect(try host.ask("PUT", "/segments/b", Self.npyType, npyBody(1)).status == 201)
        }
    }

    @Test("of 32 that want one of three places three get it, also where each name is asked for twice")
    func races() throws {
        try withGateway(limits: [limit("r", count: 3)]) { host in
            for isTwice in [false, true] {
                let made = Locked<[String]>([])
                try Threads.run(32) { [small = Self.small, json = Self.json] index in
                    let name = "r\(isTwice ? index / 2 : index)"
                    let answer = try host.ask("PUT", "/segments/\(name)", json, text: "{\"layout\": \(small)}")
                    if answer.status == 201 { made.withLock { $0.append(name) } }
                    guard [201, 409, 507].contains(answer.status) else { throw HostFailure(description: answer.text) }
                }
                let names = made.withLock { $0.sorted() }
                #expect(names.count == 3 && host.files() == names)
                for name in names { host.remove(name) }
            }
        }
    }

    @Test("the list and the metrics say what is used, with the segments of local processes")
    func figures() throws {
        try withGateway(limits: [limit(bytes: 1 << 30), limit("a", count: 7)]) { host in
            try host.create("a", Self.small)
            try host.write(host.bytes(of: "a"), to: "local")
            let list = try host.ask("GET", "/segments").text
            let all = #"{"prefix":"","max_bytes":1073741824,"max_segments":null,"used_bytes":24576,"used_segments":2}"#
            let some = #"{"prefix":"a","max_bytes":null,"max_segments":7,"used_bytes":12288,"used_segments":1}"#
            #expect(list.contains("\"limits\":[\(all),\(some)]"), "\(list)")
            let metrics = try host.ask("GET", "/metrics").text
            #expect(metrics.contains("shmgate_limit_used_bytes{prefix=\"\"} 24576\n"))
            #expect(metrics.contains("shmgate_limit_segments{prefix=\"a\"} 7\n"))
            #expect(!metrics.contains("shmgate_limit_segments{prefix=\"\"}"))
        }
    }
}
