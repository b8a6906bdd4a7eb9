import Segments
import Testing

/// Bodies of writes: large, broken off, in competition.
@Suite struct UploadTests {
    private static let count = 1 << 20
    private static let byteCount = count * 8
    private static let layout = #"{"kind": "ndarray", "dtype": "<i8", "shape": [1048576]}"#
    private static let raw = "Content-Type: application/octet-stream"
    private static let npyType = "Content-Type: application/x-npy"
    private static let json = "Content-Type: application/json"

    private var pattern: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        var state: UInt64 = 1
        for index in stride(from: 0, to: bytes.count, by: 8) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            withUnsafeBytes(of: state) { for offset in 0..<8 { bytes[index + offset] = $0[offset] } }
        }
        return bytes
    }

    @Test(
        "eight mebibytes arrive whole, in both formats, announced or in chunks",
        arguments: [true, false],
        [true, false]
    )
    func large(isNpy: Bool, isChunked: Bool) throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            let data = pattern
            let body = isNpy ? npy("<i8", "(1048576,)", data) : data
            let type = isNpy ? Self.npyType : Self.raw
            let answer: GatewayAnswer
            if isChunked {
                let line = try host.connect()
                try line.sendHead("PATCH", "/segments/a/data", [type, "Transfer-Encoding: chunked"])
                try line.sendChunked(body)
                answer = try line.answer()
            } else {
                answer = try host.ask("PATCH", "/segments/a/data", [type], body)
            }
            #expect(answer.status == 204, "\(answer.text)")
            #expect(eventually { host.files() == ["a"] })
            let back = try host.ask("GET", "/segments/a/data?format=raw")
            #expect(back.body == data)
            #expect(back.headers["shm-dtype"] == "<i8")
            #expect(back.headers["shm-shape"] == "1048576")
            #expect(Array(host.bytes(of: "a").suffix(data.count)) == data)
            let file = try host.ask("GET", "/segments/a/data?format=npy")
            #expect(Array(file.body.suffix(data.count)) == data)
            #expect(file.body.starts(with: [0x93] + Array("NUMPY".utf8)))
        }
    }

    @Test("a slice of odd size in Fortran order and another dtype is converted", arguments: [true, false])
    func converted(isChunked: Bool) throws {
        try withGateway { host in
            try host.create("a", #"{"kind": "ndarray", "dtype": "<i4", "shape": [300, 70]}"#)
            // int64 in Fortran order: the element at row r and column c is r * 1000 + c.
            var data: [UInt8] = []
            for column in 0..<70 {
                for row in 0..<299 { withUnsafeBytes(of: Int64(row * 1_000 + column)) { data += Array($0) } }
            }
            let body = npy("<i8", "(299, 70)", data, isFortran: true)
            let line = try host.connect()
            let length = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(body.count)"
            try line.sendHead("PATCH", "/segments/a/data?slice=:0:-1", [Self.npyType, length])
            if isChunked { try line.sendChunked(body, piece: 777) } else { try line.send(body) }
            let answer = try line.answer()
            #expect(answer.status == 204, "\(answer.text)")
            #expect(try host.ask("GET", "/segments/a/data?slice=-1,0").text.contains("\"data\":0}"))
            #expect(try host.ask("GET", "/segments/a/data?slice=1,69").text.contains("\"data\":298069}"))
            #expect(try host.ask("GET", "/segments/a/data?slice=0,1").text.contains("\"data\":0}"))
        }
    }

    @Test(
        "an answer from the pool has exactly its bytes",
        arguments: [(2 << 20) - 1, 2 << 20, (4 << 20) + 1, 5_000_001]
    )
    func pooled(count: Int) throws {
        try withGateway { host in
            try host.create("a", "{\"kind\": \"bytes\", \"size\": \(count)}")
            for format in ["raw", "npy"] {
                let answer = try host.ask("GET", "/segments/a/data?format=\(format)")
                let head = format == "npy" ? 128 : 0
                #expect(answer.body.count == count + head)
                let length = try host.ask("HEAD", "/segments/a/data?format=\(format)").headers["content-length"]
                #expect(length == "\(count + head)")
            }
        }
    }

    @Test("an empty selection takes an empty body", arguments: [true, false])
    func emptySelection(isChunked: Bool) throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            let line = try host.connect()
            let length = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 0"
            try line.sendHead("PATCH", "/segments/a/data?slice=0:0", [Self.raw, length])
            if isChunked { try line.sendChunked([]) }
            #expect(try line.answer().status == 204)
            #expect(eventually { host.files() == ["a"] })
        }
    }

    @Test("a write that breaks off in the middle writes nothing and leaves no file", arguments: [true, false])
    func brokenOff(isChunked: Bool) throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            let before = host.state()
            let line = try host.connect()
            let length = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(Self.byteCount)"
            try line.sendHead("PATCH", "/segments/a/data", [Self.raw, length])
            let half = [UInt8](repeating: 7, count: Self.byteCount / 2)
            try line.send(isChunked ? Array("\(String(half.count, radix: 16))\r\n".utf8) + half : half)
            #expect(eventually { host.files().count == 2 }, "the body is staged beside the segment")
            line.close()
            #expect(eventually { host.activeConnections == 0 })
            #expect(eventually { host.files() == ["a"] })
            #expect(host.state() == before)
        }
    }

    @Test(
        "a large body of the wrong size or form writes nothing and leaves no file",
        arguments: ["short", "long", "npy shape", "npy short", "npy long", "npy head", "npy dtype"]
    )
    func wrongBody(kind: String) throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            let before = host.state()
            let data = pattern
            let body: [UInt8] =
                switch kind {
                case "short": Array(data.dropLast())
                case "long": data + [0]
                case "npy shape": npy("<i8", "(1024, 1024)", data)
                case "npy short": npy("<i8", "(1048576,)", Array(data.dropLast(8)))
                case "npy long": npy("<i8", "(1048576,)", data + [0])
                case "npy head": [0x93, 0x4E] + data
                default: npy("<f8", "(1048576,)", data)
                }
            let line = try host.connect()
            let type = kind.hasPrefix("npy") ? Self.npyType : Self.raw
            try line.sendHead("PATCH", "/segments/a/data", [type, "Transfer-Encoding: chunked"])
            try line.sendChunked(body)
            let answer = try line.answer()
            #expect([400, 422].contains(answer.status), "\(answer.text)")
            #expect(eventually { host.files() == ["a"] })
            #expect(host.state() == before)
        }
    }

    @Test("a chunked body beyond the limit is told so and leaves no file", arguments: [1 << 16, 12 << 20])
    func tooLarge(limit: Int) throws {
        try withGateway(maxBodyBytes: limit) { host in
            try host.create("a", #"{"kind": "ndarray", "dtype": "<i8", "shape": [8]}"#)
            let before = host.state()
            let line = try host.connect()
            try line.sendHead("PATCH", "/segments/a/data", [Self.raw, "Transfer-Encoding: chunked"])
            try line.sendChunked([UInt8](repeating: 1, count: limit + 1))
            let answer = try line.answer()
            #expect(answer.code == "too-large")
            #expect(eventually { host.files() == ["a"] })
            #expect(host.state() == before)
        }
    }

    @Test("a write while another holds the lock is busy in the end, and reads go on", arguments: [false, true])
    func locked(isLarge: Bool) throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            let before = host.state()
            // A segment that is loaded again has a description of its own, as another process has.
            let other = try host.directory.load(SegmentName("a"))
            var written: GatewayAnswer?
            var read: GatewayAnswer?
            var described: GatewayAnswer?
            var failure: (any Error)?
            try other.withWriteLock(until: .never) { _ in
                do {
                    let line = try host.connect()
                    let body = isLarge ? pattern : Array("1".utf8)
                    try line.sendHead(
                        "PATCH",
                        "/segments/a/data",
                        [isLarge ? Self.raw : Self.json, "Content-Length: \(body.count)"]
                    )
                    try line.send(body)
                    read = try host.ask("GET", "/segments/a/data?format=raw")
                    described = try host.ask("GET", "/segments/a")
                    written = try line.answer()
                } catch {
                    failure = error
                }
            }
            #expect(failure == nil)
            #expect(written?.code == "busy")
            #expect(written?.status == 503)
            #expect(written?.headers["retry-after"] == "1")
            #expect(read?.status == 200)
            #expect(described?.status == 200)
            #expect(eventually { host.files() == ["a"] })
            #expect(host.state() == before)
            #expect(try host.ask("PATCH", "/segments/a/data", [Self.json], text: "1").status == 204)
        }
    }

    @Test("a write that waited for the lock is done when it is free")
    func waits() throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            let other = try host.directory.load(SegmentName("a"))
            let line = try host.connect()
            var failure: (any Error)?
            try other.withWriteLock(until: .never) { _ in
                do {
                    try line.sendHead("PATCH", "/segments/a/data", [Self.json, "Content-Length: 1"])
                    try line.send(Array("5".utf8))
                    _ = try host.ask("GET", "/segments/a")
                } catch {
                    failure = error
                }
            }
            #expect(failure == nil)
            #expect(try line.answer().status == 204)
            #expect(try host.ask("GET", "/segments/a/data?slice=-1").text.contains("\"data\":5}"))
        }
    }

    @Test("a relaxed answer lives on after its segment is gone")
    func relaxedOutlives() throws {
        try withGateway { host in
            try host.create("a", Self.layout, ", \"fill\": 3")
            let line = try host.connect()
            try line.sendHead("GET", "/segments/a/data?format=raw&consistency=relaxed", [])
            #expect(try host.ask("DELETE", "/segments/a").status == 204)
            let answer = try line.answer()
            #expect(answer.status == 404 || answer.body.count == Self.byteCount)
            #expect(answer.headers["etag"] == nil)
        }
    }

    @Test("a body that is sent with a request that takes none is not kept", arguments: ["GET", "DELETE"])
    func bodyWithoutUse(method: String) throws {
        try withGateway { host in
            try host.create("a", #"{"kind": "bytes", "size": 4}"#)
            let answer = try host.ask(method, "/segments/a", [], [UInt8](repeating: 1, count: 100_000))
            #expect(answer.status == (method == "GET" ? 200 : 204))
        }
    }

    @Test("a segment that is replaced under the gateway is found under its name")
    func replaced() throws {
        try withGateway { host in
            try host.create("a", #"{"kind": "ndarray", "dtype": "<i4", "shape": [2]}"#, ", \"fill\": 1")
            #expect(try host.ask("GET", "/segments/a/data").text.contains("[1,1]"))
            try host.create(
                "a",
                #"{"kind": "ndarray", "dtype": "<i4", "shape": [3]}"#,
                ", \"fill\": 2, \"replace\": true"
            )
            #expect(try host.ask("GET", "/segments/a/data").text.contains("[2,2,2]"))
            #expect(try host.ask("PATCH", "/segments/a/data", [Self.json], text: "4").status == 204)
            #expect(try host.ask("DELETE", "/segments/a").status == 204)
            #expect(try host.ask("GET", "/segments/a/data").code == "no-such-segment")
            #expect(try host.ask("PATCH", "/segments/a/data", [Self.json], text: "4").code == "no-such-segment")
        }
    }

    @Test("a segment that another process unlinked is let go, for its memory is not free before")
    func letsGo() throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            try host.create("b", Self.layout)
            for name in ["a", "b"] { #expect(try host.ask("GET", "/segments/\(name)").status == 200) }
            host.remove("a")
            #expect(eventually(seconds: 20) { !host.mappedFiles().contains { $0.contains("/a") } })
            #expect(try host.ask("GET", "/segments/b").status == 200)
        }
    }

    @Test("a raw scalar has its shape, which is empty")
    func scalarShape() throws {
        try withGateway { host in
            try host.create("a", Self.layout)
            let answer = try host.ask("GET", "/segments/a/data?slice=5&format=raw")
            #expect(answer.body.count == 8)
            #expect(answer.headers["shm-shape"] == "")
        }
    }

    @Test(
        "a structured array has its dtype in a field, whatever its fields are called",
        arguments: ["x", "a b", "ä", "a\\nb"]
    )
    func structuredDType(name: String) throws {
        try withGateway { host in
            try host.create("a", "{\"kind\": \"ndarray\", \"dtype\": [[\"\(name)\", \"<i4\"]], \"shape\": [2]}")
            let answer = try host.ask("GET", "/segments/a/data?format=raw")
            #expect(answer.body.count == 8)
            #expect(answer.headers["shm-dtype"] != nil)
        }
    }
}
