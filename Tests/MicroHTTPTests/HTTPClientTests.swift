import Glibc
import Testing

@testable import MicroHTTP

@Suite struct HTTPClientTests {
    @Test("the head of an answer is taken apart")
    func head() throws {
        let head = try AnswerReader.head(["HTTP/1.1 201 Created", "Content-Length: 3", "ETag:  \"a\""])
        #expect(head.status == 201 && head["etag"] == "\"a\"" && head["x"] == nil)
        #expect(head.headers.map { "\($0.name)=\($0.value)" } == ["content-length=3", "etag=\"a\""])
    }

    @Test(
        "what is no head is refused",
        arguments: [[], ["HTTP/1.1 20 OK"], ["SSH-2.0-x"], ["HTTP/1.1 200 OK", "x"], ["HTTP/2 200"]]
    )
    func malformedHead(lines: [String]) {
        #expect(throws: HealthCheck.Failure.self) { try AnswerReader.head(lines) }
    }

    /// What a client makes of the bytes that a server sends before it closes.
    private func answer(to text: String) throws -> HTTPClient.Answer {
        let listener = try ListeningSocket(
            #require(ListenAddress("127.0.0.1:0")),
            fileMode: 0o600,
            isSecure: false
        )
        defer { listener.end() }
        let thread = PlatformThread(name: "peer") {
            var waiting = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, 60_000)
            let peer = accept(listener.descriptor, nil, nil)
            var request = [UInt8](repeating: 0, count: 4_096)
            _ = recv(peer, &request, request.count, 0)
            _ = text.withCString { send(peer, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
            close(peer)
        }
        defer { thread.join() }
        return try HTTPClient(.address(listener.address, trust: nil), seconds: 60).send("GET", "/")
    }

    @Test(
        "a body ends where its head says, or with the connection",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nb\ny", "b\ny"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", "ab"), ("HTTP/1.1 200 OK\r\n\r\nabc", "abc"),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""), ("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", "x"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
                "abc0123456789"
            ),
        ]
    )
    func bodies(text: String, body: String) throws {
        #expect(try answer(to: text).body == Array(body.utf8))
    }

    @Test(
        "what is no whole answer is refused",
        arguments: [
            "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ]
    )
    func malformed(text: String) {
        #expect(throws: HealthCheck.Failure.self) { try answer(to: text) }
    }

    @Test(
        "a server is called by the address that was given, and this machine localhost",
        arguments: [
            ("data.example.org:8080", "data.example.org:8080"), ("10.0.0.1:80", "10.0.0.1:80"),
            ("[2001:db8::1]:8080", "[2001:db8::1]:8080"), ("[fe80::1%eth0]:1", "[fe80::1]:1"),
            ("localhost:8080", "localhost:8080"), ("127.0.0.2:1", "localhost:1"), ("[::1]:2", "localhost:2"),
            ("unix:/run/shmgate.sock", "localhost"),
        ]
    )
    func host(address: String, host: String) throws {
        let address = try #require(ListenAddress(address))
        #expect(HTTPClient.Place.address(address, trust: nil).host == host)
    }

    @Test("a server without an address serves its own process")
    func inside() throws {
        try withServer {
            $0.listen = []
        } _: { server in
            let client = HTTPClient(.inside(server.server))
            for _ in 0..<20 {
                let status = try client.send("GET", "/echo").status
                #expect(status == 200)
            }
            let large = [UInt8](repeating: 7, count: 3 << 20)
            let answer = try client.send("POST", "/echo", body: large)
            #expect(answer.status == 413 || answer.body.count == large.count)
        }
    }
}
