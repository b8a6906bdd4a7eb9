internal import CMicroHTTPD
internal import Glibc

/// A question to a running server: the smallest HTTP client that can ask whether it is well.
package enum HealthCheck {
    /// Why there was no answer.
    package enum Failure: Error, CustomStringConvertible {
        /// Nobody can be reached there.
        case unreachable(String)
        /// What came was no HTTP answer.
        case malformed

        /// One sentence for people.
        package var description: String {
            switch self {
            case .unreachable(let text): text
            case .malformed: "expected an HTTP answer, got something else"
            }
        }
    }

    /// Asks `GET path` and gives the status code; waits at most `seconds` for each step.
    package static func status(
        of address: ListenAddress,
        path: String,
        seconds: Int = 5
    ) throws(Failure) -> Int {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, "\(address.port)", &hints, &list) == 0, let found = list?.pointee else {
            throw .unreachable("there is no address \(address)")
        }
        defer { freeaddrinfo(list) }
        let descriptor = socket(found.ai_family, found.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .unreachable("socket: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        guard connect(descriptor, found.ai_addr, found.ai_addrlen) == 0 else {
            throw .unreachable("connect to \(address): \(String(cString: strerror(errno)))")
        }
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        let sent = request.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        guard sent == request.utf8.count else { throw .unreachable("send: \(String(cString: strerror(errno)))") }
        var answer: [UInt8] = []
        while answer.count < 12 {
            var piece = [UInt8](repeating: 0, count: 512)
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { break }
            answer += piece.prefix(count)
        }
        let words = String(decoding: answer, as: UTF8.self).split(separator: " ", maxSplits: 2)
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1].prefix(3)) else {
            throw .malformed
        }
        return status
    }
}
