import Glibc

/// Why a test client could not go on.
struct ClientFailure: Error, CustomStringConvertible {
    let description: String

    init(_ call: String) { description = "\(call): \(String(cString: strerror(errno)))" }

    init(text: String) { description = text }
}

/// An answer as it came over the wire.
struct RawResponse: Sendable {
    let status: Int
    let headers: [(name: String, value: String)]
    var body: [UInt8] = []

    /// The body as text.
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The first value of a header field.
    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// A client that says exactly the bytes that it is told, however wrong they are.
final class RawClient {
    let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isOpen = true

    /// Connects to a port of this machine; no step waits longer than `seconds`.
    init(port: Int, from source: String? = nil, receiveBufferBytes: Int32? = nil, seconds: Int = 60) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ClientFailure("socket") }
        if var size = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        if let source {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr(source)
            let code = withUnsafePointer(to: &address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard code == 0 else { throw ClientFailure("bind") }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw ClientFailure("connect") }
    }

    deinit { close() }

    /// Hangs up.
    func close() {
        if isOpen { _ = Glibc.close(descriptor) }
        isOpen = false
    }

    /// Hangs up without a goodbye: the other side sees a reset.
    func reset() {
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Says that nothing more will be sent.
    func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                Glibc.send(descriptor, raw.baseAddress.map { $0 + sent }, raw.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw ClientFailure("send") }
            sent += count
        }
    }

    /// Sends what is taken; true if all of it was.
    func trySend(_ bytes: [UInt8]) -> Bool {
        do {
            try send(bytes)
            return true
        } catch {
            return false
        }
    }

    /// Takes what waits in the socket into the buffer; false at the end of the stream or after a reset.
    private func fill() throws -> Bool {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &piece, piece.count, 0)
        if count > 0 {
            buffer += piece.prefix(count)
            return true
        }
        if count == 0 || errno == ECONNRESET || errno == EPIPE { return false }
        throw ClientFailure("recv")
    }

    /// Reads the next answer; one to HEAD has no body, nor has 1xx, 204 or 304.
    func read(isHead: Bool = false) throws -> RawResponse {
        let end = Array("\r\n\r\n".utf8)
        var headEnd = firstRange(of: end)
        while headEnd == nil {
            guard try fill() else { throw ClientFailure(text: "expected an answer, got the end after \(buffered)") }
            headEnd = firstRange(of: end)
        }
        let head = String(decoding: buffer[..<(headEnd ?? 0)], as: UTF8.self)
        buffer.removeFirst((headEnd ?? 0) + end.count)
        let lines = head.split(separator: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw ClientFailure(text: "expected a status line, got \(head)")
        }
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? parts[1].drop { $0 == " " } : ""
            return (name: String(parts[0]), value: String(value))
        }
        var response = RawResponse(status: status, headers: headers)
        if isHead || status < 200 || status == 204 || status == 304 { return response }
        guard let length = response.header("Content-Length").flatMap({ Int($0) }) else {
            throw ClientFailure(text: "expected a Content-Length, got \(head)")
        }
        while buffer.count < length {
            guard try fill() else { throw ClientFailure(text: "expected \(length) bytes, got \(buffer.count)") }
        }
        response.body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return response
    }

    /// Reads the fields of an answer whose body comes piece by piece.
    func readHead() throws -> RawResponse { try read(isHead: true) }

    /// Reads the next chunk of a body; the last one is empty.
    func readChunk() throws -> String {
        let line = try readLine()
        guard let count = Int(line, radix: 16) else { throw ClientFailure(text: "expected a chunk, got \(line)") }
        while buffer.count < count + 2 {
            guard try fill() else { throw ClientFailure(text: "expected \(count) bytes, got the end") }
        }
        defer { buffer.removeFirst(count + 2) }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    private func readLine() throws -> String {
        let end = Array("\r\n".utf8)
        var place = firstRange(of: end)
        while place == nil {
            guard try fill() else { throw ClientFailure(text: "expected a line, got the end after \(buffered)") }
            place = firstRange(of: end)
        }
        defer { buffer.removeFirst((place ?? 0) + end.count) }
        return String(decoding: buffer[..<(place ?? 0)], as: UTF8.self)
    }

    /// Reads until the other side hangs up and gives all that came; throws if it does not hang up.
    func readToEnd() throws -> [UInt8] {
        while try fill() {}
        defer { buffer = [] }
        return buffer
    }

    /// Reads at most so many bytes, of those that are there, and drops them; gives how many.
    func take(_ most: Int) -> Int {
        var piece = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &piece, most, Int32(MSG_DONTWAIT))
        if count < 0, errno == ECONNRESET { wasReset = true }
        return max(count, 0)
    }

    /// Whether ``take(_:)`` has found that the other side hung up without a goodbye.
    private(set) var wasReset = false

    /// Whether nothing came so far that was not read.
    var hasNothingToRead: Bool {
        var byte: UInt8 = 0
        return buffer.isEmpty && recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0 && errno == EAGAIN
    }

    private var buffered: String { String(decoding: buffer.prefix(500), as: UTF8.self) }

    private func firstRange(of pattern: [UInt8]) -> Int? {
        guard buffer.count >= pattern.count else { return nil }
        return (0...(buffer.count - pattern.count)).first { start in
            buffer[start] == pattern[0] && buffer[start..<(start + pattern.count)].elementsEqual(pattern)
        }
    }
}

/// The status codes of all answers in a stream of bytes.
func statuses(in bytes: [UInt8]) -> [Int] {
    String(decoding: bytes, as: UTF8.self).split(separator: "HTTP/1.", omittingEmptySubsequences: false).dropFirst()
        .compactMap { Int($0.dropFirst(2).prefix(3)) }
}

/// Waits for something that happens on other threads; false if it did not within a minute.
func eventually(_ isTrue: () -> Bool) -> Bool {
    for _ in 0..<30_000 {
        if isTrue() { return true }
        usleep(2_000)
    }
    return isTrue()
}
