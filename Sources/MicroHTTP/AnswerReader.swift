/// Reads the answer to a request from a connection: its head, and its body however that ends.
struct AnswerReader {
    /// What came and was not read yet.
    private var rest: [UInt8] = []
    private var piece = [UInt8](repeating: 0, count: 256 << 10)

    /// Reads status and header fields.
    mutating func head(from connection: borrowing ClientConnection) throws(HealthCheck.Failure) -> HTTPClient.Head {
        var lines: [String] = []
        while let line = try line(from: connection) {
            if line.isEmpty { return try Self.head(lines) }
            lines.append(line)
        }
        throw .malformed
    }

    /// Takes the lines of a head apart.
    static func head(_ lines: [String]) throws(HealthCheck.Failure) -> HTTPClient.Head {
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3, let status = Int(words[1])
        else { throw .malformed }
        var headers: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw .malformed }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append((line[..<colon].lowercased(), String(value)))
        }
        return HTTPClient.Head(status: status, headers: headers)
    }

    /// Reads the body that a head announces: in chunks, of a length, or up to the end of the connection.
    mutating func body(
        of head: HTTPClient.Head,
        from connection: borrowing ClientConnection,
        _ receive: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        if [100, 204, 304].contains(head.status) { return }
        if head["transfer-encoding"]?.lowercased() == "chunked" { return try chunks(from: connection, receive) }
        guard let text = head["content-length"] else {
            while try fill(from: connection) { try take(rest.count, receive) }
            return try take(rest.count, receive)
        }
        guard let count = Int(text), count >= 0 else { throw HealthCheck.Failure.malformed }
        try run(of: count, from: connection, receive)
    }

    private mutating func chunks(
        from connection: borrowing ClientConnection,
        _ receive: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        while let line = try line(from: connection) {
            let digits = line.prefix { $0 != ";" && $0 != " " }
            guard let count = Int(digits, radix: 16), count >= 0 else { throw HealthCheck.Failure.malformed }
            if count == 0 { return }
            try run(of: count, from: connection, receive)
            guard try self.line(from: connection)?.isEmpty == true else { throw HealthCheck.Failure.malformed }
        }
        throw HealthCheck.Failure.malformed
    }

    /// Hands so many bytes over.
    private mutating func run(
        of count: Int,
        from connection: borrowing ClientConnection,
        _ receive: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        var left = count
        while left > 0 {
            if rest.isEmpty, try !fill(from: connection) { throw HealthCheck.Failure.malformed }
            let some = min(left, rest.count)
            try take(some, receive)
            left -= some
        }
    }

    private mutating func take(_ count: Int, _ receive: (ArraySlice<UInt8>) throws -> Void) throws {
        if count == 0 { return }
        try receive(rest[..<count])
        rest.removeFirst(count)
    }

    /// A line without its end; nil at the end of the connection.
    private mutating func line(from connection: borrowing ClientConnection) throws(HealthCheck.Failure) -> String? {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = rest[..<end]
                let text = String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
                rest.removeFirst(end + 1)
                return text
            }
            if rest.count > 1 << 20 { throw .malformed }
            if try !fill(from: connection) {
                if rest.isEmpty { return nil }
                throw .malformed
            }
        }
    }

    /// Reads more; false at the end of the connection.
    private mutating func fill(from connection: borrowing ClientConnection) throws(HealthCheck.Failure) -> Bool {
        let count = try connection.receive(into: &piece)
        rest += piece.prefix(count)
        return count > 0
    }
}
