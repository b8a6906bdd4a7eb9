/// A small client for questions of this program to a gateway: one connection for each request, bodies in memory.
///
/// What it sends closes the connection, so an answer is what comes until the other side closes; the coding `chunked` is
/// not understood. May be used from any thread.
package struct HTTPClient: Sendable {
    /// What came.
    package struct Answer: Sendable {
        /// The status code.
        package let status: Int
        /// Header fields in their order, names in lower case.
        package let headers: [(name: String, value: String)]
        /// The body.
        package let body: [UInt8]
    }

    /// The most bytes of an answer.
    private static let limit = 64 << 20

    /// Where the server is.
    package let address: ListenAddress
    private let trust: ClientTrust?
    private let headers: [(String, String)]
    private let seconds: Int

    /// Asks a server, with header fields in every request; waits at most `seconds` for each step.
    ///
    /// With `trust` in TLS, over TCP.
    package init(
        _ address: ListenAddress,
        trust: ClientTrust? = nil,
        headers: [(String, String)] = [],
        seconds: Int = 5
    ) {
        self.address = address
        self.trust = trust
        self.headers = headers
        self.seconds = seconds
    }

    /// Sends a request and gives the whole answer.
    ///
    /// `target` is path and query as they are sent. A body of nil is none.
    package func send(
        _ method: String,
        _ target: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) throws(HealthCheck.Failure) -> Answer {
        let connection = try ClientConnection(address, trust: trust, seconds: seconds)
        var text = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in self.headers + headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        try connection.send(Array("\(text)\r\n".utf8) + (body ?? []))
        return try Self.answer(try Self.all(from: connection))
    }

    private static func all(from connection: borrowing ClientConnection) throws(HealthCheck.Failure) -> [UInt8] {
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        while answer.count < limit {
            let count = try connection.receive(into: &piece)
            if count == 0 { return answer }
            answer += piece.prefix(count)
        }
        throw .malformed
    }

    /// Takes an answer apart.
    static func answer(_ bytes: [UInt8]) throws(HealthCheck.Failure) -> Answer {
        var lines: [String] = []
        var start = 0
        while true {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { throw .malformed }
            let line = bytes[start..<end].last == UInt8(ascii: "\r") ? bytes[start..<(end - 1)] : bytes[start..<end]
            start = end + 1
            if line.isEmpty { break }
            lines.append(String(decoding: line, as: UTF8.self))
        }
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3, let status = Int(words[1])
        else {
            throw .malformed
        }
        var headers: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw .malformed }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append((line[..<colon].lowercased(), String(value)))
        }
        if headers.contains(where: { $0.name == "transfer-encoding" }) { throw .malformed }
        let body = Array(bytes[start...])
        let length = headers.first { $0.name == "content-length" }.flatMap { Int($0.value) }
        if let length, !body.isEmpty, body.count != length { throw .malformed }
        return Answer(status: status, headers: headers, body: body)
    }
}
