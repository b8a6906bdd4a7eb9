import Documents
import MicroHTTP

/// Sends the requests of commands, and makes a failure of every answer that is none of success.
struct SegmentClient {
    private let client: HTTPClient

    init(_ client: HTTPClient) { self.client = client }

    /// Sends a request and gives the answer, whose status is one of success.
    @discardableResult
    func send(
        _ method: String,
        _ path: String,
        _ parameters: [(String, String)] = [],
        headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) throws -> HTTPClient.Answer {
        var gathered: [UInt8] = []
        let upload = body.map { body in HTTPClient.Upload(count: body.count) { body } }
        let head = try exchange(method, path, parameters, headers: headers, body: upload) { gathered += $0 }
        return HTTPClient.Answer(head: head, body: gathered)
    }

    /// The same with a body that is sent, and one that is received, piece by piece.
    @discardableResult
    func exchange(
        _ method: String,
        _ path: String,
        _ parameters: [(String, String)] = [],
        headers: [(String, String)] = [],
        body: HTTPClient.Upload? = nil,
        begin: (HTTPClient.Head) throws -> Void = { _ in },
        receive: (ArraySlice<UInt8>) throws -> Void
    ) throws -> HTTPClient.Head {
        var problem: [UInt8] = []
        var hasBegun = false
        let head: HTTPClient.Head
        do {
            head = try client.exchange(method, Self.target(path, parameters), headers: headers, body: body) {
                head,
                piece in
                if head.status >= 300 {
                    if problem.count < 64 << 10 { problem += piece }
                    return
                }
                if !hasBegun { try begin(head) }
                hasBegun = true
                try receive(piece)
            }
        } catch let failure as HealthCheck.Failure {
            throw StartFailure(.unavailable, "No answer: \(failure)")
        }
        if head.status >= 300, head.status != 304 { throw Self.failure(head.status, problem) }
        if !hasBegun { try begin(head) }
        return head
    }

    /// Asks for data, and says on standard error if half a write is among them.
    @discardableResult
    func read(
        _ name: String,
        _ parameters: [(String, String)],
        begin: (HTTPClient.Head) throws -> Void = { _ in },
        receive: (ArraySlice<UInt8>) throws -> Void
    ) throws -> HTTPClient.Head {
        let head = try exchange("GET", Self.path(name, "data"), parameters, begin: begin, receive: receive)
        if head["shm-damaged"] != nil {
            StartFailure.warn("a writer of \(name) died in the middle: half a write stands in it")
        }
        return head
    }

    /// Asks for data that become a file, and says what it does while that takes its time; gives how many bytes they are.
    @discardableResult
    func download(_ name: String, _ parameters: [(String, String)], to file: String, as verb: String) throws -> Int {
        var count = 0
        try LocalFile.write(file) { file in
            var progress = Progress("\(verb) \(name)")
            defer { progress.end() }
            try read(name, parameters) { head in
                progress.total = head["content-length"].flatMap { Int($0) }
            } receive: { piece in
                try file.append(piece)
                progress.advance(piece.count)
                count += piece.count
            }
        }
        return count
    }

    /// Asks for a JSON document.
    func json(_ path: String, _ parameters: [(String, String)] = []) throws -> JSONValue {
        try Self.value(of: send("GET", path, parameters).body)
    }

    /// Reads a JSON document.
    static func value(of bytes: [UInt8]) throws -> JSONValue {
        try bytes.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            return try reader.value()
        }
    }

    /// The segment and the path of the member that `name/member` means.
    ///
    /// A member's parts are encoded but for what was encoded already.
    static func parts(of name: String) -> (segment: String, member: String?) {
        let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), parts.count > 1 ? encoded(String(parts[1]), keeping: "/%") : nil)
    }

    /// The path of a segment.
    static func path(_ name: String) -> String { "/segments/\(encoded(name))" }

    /// The path of a resource of a segment, or of its member.
    static func path(_ name: String, _ resource: String) -> String {
        let (segment, member) = parts(of: name)
        return [path(segment), resource, member].compactMap(\.self).joined(separator: "/")
    }

    private static func target(_ path: String, _ parameters: [(String, String)]) -> String {
        if parameters.isEmpty { return path }
        let query = parameters.map { "\(encoded($0))=\(encoded($1))" }
        return "\(path)?\(query.joined(separator: "&"))"
    }

    /// Text as a part of a path or a query; characters that are kept stand as they are.
    static func encoded(_ text: String, keeping kept: String = "") -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                encoded.append(byte)
            case _ where "-._~".utf8.contains(byte) || kept.utf8.contains(byte): encoded.append(byte)
            default: encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// The failure that a problem document tells of.
    private static func failure(_ status: Int, _ body: [UInt8]) -> StartFailure {
        var text = "the gateway answered \(status)"
        var code: String?
        if case .object(let problem)? = try? value(of: body), let detail = problem.text("detail") {
            code = problem.text("code")
            text = [code, detail].compactMap(\.self).joined(separator: ": ")
        }
        let cause: StartFailure.Cause =
            switch status {
            case 401, 403: .notPermitted
            case 404: .missing
            case 409, 412: .conflict
            case 429, 503: .busy
            case 507: .outOfSpace
            case 400..<500: .badInput
            case _ where code == "corrupt-segment" || code == "unsupported-format": .badInput
            default: .other
            }
        return StartFailure(cause, text)
    }
}
