import MicroHTTP
import Testing

/// Requests that two parsers could read in two ways.
@Suite struct SmugglingTests {
    /// One such request; a second one hides behind it where a careless server would see it.
    struct Trick: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String

        init(_ name: String, _ text: String) {
            testDescription = name
            self.text = text
        }
    }

    static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let post = "POST /echo HTTP/1.1\r\nHost: x\r\n"
    private static let chunk = "5\r\nhello\r\n0\r\n\r\n"

    static let tricks = [
        Trick("two different Content-Length", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + smuggled),
        Trick("two equal Content-Length", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + smuggled),
        Trick("two Content-Type", post + "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n" + smuggled),
        Trick("three Origin", post + "Origin: a\r\nORIGIN: b\r\nOrigin: a\r\n\r\n" + smuggled),
        Trick("two Authorization", post + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n" + smuggled),
        Trick("two Range", post + "Range: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n" + smuggled),
        Trick("a target without a host", "GET http:///echo HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("a target with a port alone", "GET http://:80/echo HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("Content-Length as a list", post + "Content-Length: 5, 5\r\n\r\nhello" + smuggled),
        Trick("Content-Length, then chunked", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk),
        Trick("chunked, then Content-Length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunk),
        Trick("gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk + smuggled),
        Trick("identity", post + "Transfer-Encoding: identity\r\n\r\n" + chunk + smuggled),
        Trick(
            "identity with a length",
            post + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello" + smuggled
        ),
        Trick("xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n" + chunk + smuggled),
        Trick("an empty Transfer-Encoding", post + "Transfer-Encoding:\r\n\r\n" + smuggled),
        Trick(
            "Transfer-Encoding twice",
            post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + smuggled
        ),
        Trick(
            "chunked, then identity",
            post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunk + smuggled
        ),
        Trick(
            "chunked on HTTP/1.0",
            "POST /echo HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
                + smuggled
        ),
        Trick("a space before the colon of Content-Length", post + "Content-Length : 35\r\n\r\n" + smuggled),
        Trick(
            "a space before the colon of Transfer-Encoding",
            post + "Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\nhello" + smuggled
        ),
        Trick("a tab before the colon", post + "Content-Length: 5\r\nX-Tag\t: 1\r\n\r\nhello" + smuggled),
        Trick("a folded Content-Length", post + "Content-Length: 1\r\n 2\r\n\r\nhellohello12" + smuggled),
        Trick("a Content-Length put together by folding", post + "Content-: 35\r\n Length\r\n\r\n" + smuggled),
        Trick(
            "a Transfer-Encoding put together by folding",
            post + "Content-Length: 5\r\nTransfer-: chunked\r\n Encoding\r\n\r\nhello" + smuggled
        ),
        Trick("a folded Transfer-Encoding", post + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunk + smuggled),
        Trick(
            "a field that is hidden by folding",
            post + "X-Tag: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello" + smuggled
        ),
        Trick("no Host", "GET /echo HTTP/1.1\r\nX-Tag: 1\r\n\r\n" + smuggled),
        Trick("two Hosts", "GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + smuggled),
        Trick("two equal Hosts", "GET /echo HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n" + smuggled),
        Trick("two Hosts on HTTP/1.0", "GET /echo HTTP/1.0\r\nHost: x\r\nhOST: y\r\n\r\n" + smuggled),
        Trick("a signed length", post + "Content-Length: +5\r\n\r\nhello" + smuggled),
        Trick("a negative length", post + "Content-Length: -5\r\n\r\nhello" + smuggled),
        Trick("a hexadecimal length", post + "Content-Length: 0x5\r\n\r\nhello" + smuggled),
        Trick("an empty length", post + "Content-Length:\r\n\r\n" + smuggled),
        Trick("a length with a blank inside", post + "Content-Length: 5 5\r\n\r\nhello" + smuggled),
        Trick("a length behind a vertical tab", post + "Content-Length: \u{B}5\r\n\r\nhello" + smuggled),
        Trick("a length of words", post + "Content-Length: five\r\n\r\nhello" + smuggled),
        Trick("a control character in the target", "GET /ec\u{1}ho HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("a tab in the target", "GET /ec\tho HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("a space in the target", "GET /ec ho HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("a DEL in the target", "GET /echo\u{7F} HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("HTTP/1.2", "GET /echo HTTP/1.2\r\nHost: x\r\n\r\n" + smuggled),
        Trick("a NUL in the target", "GET /echo\0/x HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("a NUL in a length", post + "Content-Length: 5\0\r\n\r\nhello" + smuggled),
        Trick("a NUL in the name of a field", post + "Content-Length\0x: 5\r\n\r\nhello" + smuggled),
        Trick("a NUL behind a value", post + "X-Tag: 1\0Content-Length: 35\r\n\r\n" + smuggled),
        Trick(
            "a NUL that ends the block early",
            "GET /echo HTTP/1.1\r\nHost: x\r\n\0X-Tag: 1\r\nContent-Length: 35\r\n\r\n" + smuggled
        ),
        Trick("a NUL in the method", "GET\0 /echo HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("two spaces before the target", "GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("two spaces behind the target", "GET /echo  HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
        Trick("a field in a folded line that is blank", post + "Content-Length: 5\r\n \r\n\r\nhello" + smuggled),
        Trick("a field folded with a tab", post + "Content-Length: 5\r\n\t1\r\n\r\nhello" + smuggled),
        Trick("a short field that is folded", "GET /echo HTTP/1.1\r\nHos:  x\r\n t\r\n\r\n" + smuggled),
        Trick("a first field that is folded", "GET /echo HTTP/1.1\r\n Host: x\r\n\r\n" + smuggled),
        Trick("a line that ends with LF", "GET /echo HTTP/1.1\r\nHost: x\nX-Tag: 1\r\n\r\n" + smuggled),
        Trick("a block that ends with LF", "GET /echo HTTP/1.1\r\nHost: x\r\n\n" + smuggled),
        Trick("a request line that ends with LF", "GET /echo HTTP/1.1\nHost: x\r\n\r\n" + smuggled),
        Trick("a CR in a value", post + "X-Tag: 1\rContent-Length: 35\r\n\r\n" + smuggled),
        Trick("a blank in a name", post + "Content Length: 35\r\n\r\n" + smuggled),
        Trick("a field without a name", "GET /echo HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n" + smuggled),
        Trick("a field without a colon", "GET /echo HTTP/1.1\r\nHost: x\r\nX-Tag\r\n\r\n" + smuggled),
    ]

    @Test("is refused with 400, the connection closes and what hides behind it is never answered", arguments: tricks)
    func isRefused(_ trick: Trick) throws {
        try withServer { server in
            let client = try RawClient(port: server.server.port, seconds: 10)
            try client.send(trick.text)
            let bytes = try client.readToEnd()
            let found = statuses(in: bytes)
            #expect(found.first == 400, "\(String(decoding: bytes, as: UTF8.self))")
            #expect(found.allSatisfy { $0 == 400 }, "\(String(decoding: bytes, as: UTF8.self))")
            #expect(server.service.admitted.current == 0)
        }
    }

    @Test("a length beyond 64 bits is refused")
    func lengthBeyond64Bits() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send(Self.post + "Content-Length: 18446744073709551621\r\n\r\nhello" + Self.smuggled)
            let found = statuses(in: try client.readToEnd())
            #expect(!found.isEmpty && found.allSatisfy { $0 == 400 || $0 == 413 })
            #expect(server.service.admitted.current == 0)
        }
    }

    @Test("a bad request behind a good one is refused too")
    func behindAGoodOne() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.read().status == 200)
            try client.send("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + Self.smuggled)
            let refusal = try client.read()
            #expect(refusal.status == 400)
            #expect(refusal.header("Connection")?.lowercased() == "close")
            #expect(try client.readToEnd().isEmpty)
            #expect(server.service.admitted.current == 1)
        }
    }

    @Test("a HTTP/1.0 request needs no Host")
    func oldRequestWithoutHost() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET /echo HTTP/1.0\r\n\r\n")
            #expect(try client.read().status == 200)
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test(
        "a target in absolute form is read without its scheme and host",
        arguments: [
            ("http://localhost/echo?a=1", "a=1"), ("https://example.org:80/echo?b", "b"), ("http://x/echo", "-"),
            ("HTTP://localhost/echo?c=2", "c=2"),
        ]
    )
    func absoluteForm(target: String, query: String) throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let answer = try client.read()
            #expect(answer.text == "GET \(target) \(query) \n")
        }
    }

    @Test("a slash in the query of a target in absolute form does not begin the path")
    func absoluteFormWithoutPath() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET http://localhost?a=/echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.read().text == "hello")
        }
    }

    @Test(
        "the target comes as it was spelled, nothing decoded",
        arguments: ["/echo?a=%2F%00%41+b&&=", "/echo?", "/echo??a", "/echo?a=b=c&d"]
    )
    func rawTarget(target: String) throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.read().text == "GET \(target) \(target.dropFirst("/echo?".count)) \n")
        }
    }

    @Test("a block that comes byte by byte is read as one that comes at once", arguments: [1, 7, 100])
    func inPieces(piece: Int) throws {
        try withServer { server in
            let client = try server.connect()
            let text = "GET /echo?a=1&b=2+3 HTTP/1.1\r\nHost: x\r\nCookie: a=b; c=d\r\nX-Tag:\r\nX-Tag: \t 1 \r\n\r\n"
            for _ in 0..<2 {
                let bytes = Array(text.utf8)
                for start in stride(from: 0, to: bytes.count, by: piece) {
                    try client.send(Array(bytes[start..<min(start + piece, bytes.count)]))
                }
                #expect(try client.read().status == 200)
            }
        }
    }

    @Test("a block that outgrows the first buffer is read whole")
    func largeBlock() throws {
        try withServer { server in
            let client = try server.connect()
            let field = "X-Tag: " + String(repeating: "a", count: 493) + "\r\n"
            for count in [10, 30, 45, 30] {
                try client.send(
                    "GET /echo HTTP/1.1\r\nHost: x\r\n" + String(repeating: field, count: count)
                        + "Content-Length: 5\r\n\r\nhello"
                )
                let answer = try client.read()
                #expect(answer.status == 200)
                #expect(answer.text.hasSuffix("\nhello"))
                #expect(answer.body.count == "GET /echo - \nhello".utf8.count + count * 494 - 1)
            }
        }
    }

    @Test("the lines of a repeated field come in their order")
    func repeatedFields() throws {
        try withServer { server in
            let client = try server.connect()
            try client.send("GET /echo HTTP/1.1\r\nHost: x\r\nX-Tag: 1\r\nx-tag: 2\r\nX-TAG:3\r\n\r\n")
            #expect(try client.read().text == "GET /echo - 1|2|3\n")
        }
    }
}
