/// A client for questions of this program to a gateway: one connection for each request.
///
/// May be used from any thread.
package struct HTTPClient: Sendable {
    /// Where the server is.
    package enum Place: Sendable {
        /// At an address; with `trust` in TLS, over TCP.
        case address(ListenAddress, trust: ClientTrust?)
        /// In this process.
        case inside(Server)

        /// What `Host` says: the address as it was given, for a proxy in front may tell its servers apart by that.
        ///
        /// What only this machine reaches is `localhost`, however it is spelled: a gateway there takes no strange names.
        var host: String {
            guard case .address(.tcp(let host, let port), _) = self else { return "localhost" }
            let address = ListenAddress.tcp(host: host, port: port)
            if address.isLocal { return "localhost:\(port)" }
            // The zone of a link-local address is the client's own matter.
            let name = host.prefix { $0 != "%" }
            return ListenAddress.tcp(host: String(name), port: port).description
        }
    }

    /// What came before the body.
    package struct Head: Sendable {
        /// The status code.
        package let status: Int
        /// Header fields in their order, names in lower case.
        package let headers: [(name: String, value: String)]

        /// The first value of a field, by its name in lower case.
        package subscript(name: String) -> String? { headers.first { $0.name == name }?.value }
    }

    /// What came.
    package struct Answer: Sendable {
        /// What came before the body.
        package let head: Head
        /// The body.
        package let body: [UInt8]

        /// An answer of these parts.
        package init(head: Head, body: [UInt8]) {
            self.head = head
            self.body = body
        }

        /// The status code.
        package var status: Int { head.status }
        /// Header fields in their order, names in lower case.
        package var headers: [(name: String, value: String)] { head.headers }
    }

    /// A body that is sent piece by piece.
    package struct Upload {
        let count: Int
        let next: () throws -> [UInt8]

        /// So many bytes; `next` gives some of them each time it is called, at least one.
        package init(count: Int, next: @escaping () throws -> [UInt8]) {
            self.count = count
            self.next = next
        }
    }

    /// The most bytes of an answer that is gathered in memory.
    private static let limit = 64 << 20
    /// Of a body from here on the server is asked first whether it wants it.
    private static let askedFrom = 1 << 20

    private let place: Place
    private let headers: [(String, String)]
    private let seconds: Int

    /// Asks a server, with header fields in every request; waits at most `seconds` for each step.
    package init(_ place: Place, headers: [(String, String)] = [], seconds: Int = 5) {
        self.place = place
        self.headers = headers
        self.seconds = seconds
    }

    /// Where the server is, for people.
    package var address: String {
        switch place {
        case .address(let address, _): address.description
        case .inside: "this process"
        }
    }

    /// Sends a request and gives the whole answer.
    ///
    /// `target` is path and query as they are sent. A body of nil is none.
    package func send(
        _ method: String,
        _ target: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) throws -> Answer {
        var gathered: [UInt8] = []
        let upload = body.map { body in Upload(count: body.count) { body } }
        let head = try exchange(method, target, headers: headers, body: upload) { _, piece in
            gathered += piece
            if gathered.count > Self.limit { throw HealthCheck.Failure.malformed }
        }
        return Answer(head: head, body: gathered)
    }

    /// Sends a request and hands the body of the answer over as it comes, with what came before it.
    @discardableResult
    package func exchange(
        _ method: String,
        _ target: String,
        headers: [(String, String)] = [],
        body: Upload? = nil,
        receive: (Head, ArraySlice<UInt8>) throws -> Void
    ) throws -> Head {
        let connection = try connect()
        let asksFirst = body.map { $0.count >= Self.askedFrom } ?? false
        var text = "\(method) \(target) HTTP/1.1\r\nHost: \(place.host)\r\nConnection: close\r\n"
        for (name, value) in self.headers + headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        if asksFirst { text += "Expect: 100-continue\r\n" }
        try connection.send("\(text)\r\n".utf8)
        var reader = AnswerReader()
        if asksFirst {
            let head = try reader.head(from: connection)
            if head.status != 100 {
                try reader.body(of: head, from: connection) { try receive(head, $0) }
                return head
            }
        }
        if let body {
            var left = body.count
            while left > 0 {
                let piece = try body.next()
                try connection.send(piece)
                left -= piece.count
            }
        }
        let head = try reader.head(from: connection)
        if method != "HEAD" { try reader.body(of: head, from: connection) { try receive(head, $0) } }
        return head
    }

    private func connect() throws(HealthCheck.Failure) -> ClientConnection {
        switch place {
        case .address(let address, let trust): try ClientConnection(address, trust: trust, seconds: seconds)
        case .inside(let server): try ClientConnection(to: server)
        }
    }
}
