internal import CMicroHTTPD
internal import Glibc

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
    private let headers: [(String, String)]
    private let seconds: Int

    /// Asks a server, with header fields in every request; waits at most `seconds` for each step.
    package init(_ address: ListenAddress, headers: [(String, String)] = [], seconds: Int = 5) {
        self.address = address
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
        let descriptor = try connect()
        defer { close(descriptor) }
        var text = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in self.headers + headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        try sendAll(Array("\(text)\r\n".utf8) + (body ?? []), to: descriptor)
        return try Self.answer(try receiveAll(from: descriptor))
    }

    private func connect() throws(HealthCheck.Failure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, "\(address.port)", &hints, &list) == 0, let found = list?.pointee else {
            throw .unreachable("there is no address \(address)")
        }
        defer { freeaddrinfo(list) }
        let descriptor = socket(found.ai_family, found.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .unreachable("socket: \(String(cString: strerror(errno)))") }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        guard Glibc.connect(descriptor, found.ai_addr, found.ai_addrlen) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw .unreachable("connect to \(address): \(reason)")
        }
        return descriptor
    }

    private func sendAll(_ bytes: [UInt8], to descriptor: Int32) throws(HealthCheck.Failure) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .unreachable("send: \(String(cString: strerror(errno)))") }
            done += count
        }
    }

    private func receiveAll(from descriptor: Int32) throws(HealthCheck.Failure) -> [UInt8] {
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        while answer.count < Self.limit {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreachable("recv: \(String(cString: strerror(errno)))") }
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
