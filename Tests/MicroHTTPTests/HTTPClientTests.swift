import Testing

@testable import MicroHTTP

@Suite struct HTTPClientTests {
    @Test("an answer is taken apart")
    func answer() throws {
        let text = "HTTP/1.1 201 Created\r\nContent-Length: 3\r\nETag:  \"a\"\r\n\r\nb\ny"
        let answer = try HTTPClient.answer(Array(text.utf8))
        #expect(answer.status == 201)
        #expect(answer.headers.map { "\($0.name)=\($0.value)" } == ["content-length=3", "etag=\"a\""])
        #expect(answer.body == Array("b\ny".utf8))
        #expect(try HTTPClient.answer(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)).body.isEmpty)
    }

    @Test(
        "what is no whole answer is refused",
        arguments: [
            "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 20 OK\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nx\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ]
    )
    func malformed(text: String) {
        #expect(throws: HealthCheck.Failure.self) { try HTTPClient.answer(Array(text.utf8)) }
    }
}
