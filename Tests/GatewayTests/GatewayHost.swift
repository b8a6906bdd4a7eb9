import Gateway
import Glibc
import MicroHTTP
import Segments

/// Why a test could not go on.
struct HostFailure: Error, CustomStringConvertible {
    let description: String
}

/// An answer of the gateway.
struct GatewayAnswer: Sendable {
    let status: Int
    let headers: [String: String]
    let body: [UInt8]

    /// The body as text.
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The code of a problem document, empty for anything else.
    var code: String {
        guard headers["content-type"] == "application/problem+json" else { return "" }
        let parts = text.split(separator: "\"code\":\"", maxSplits: 1)
        return parts.count == 2 ? String(parts[1].prefix { $0 != "\"" }) : ""
    }
}

/// A gateway in this process, on a free port, over a directory of its own.
final class GatewayHost: Sendable {
    let path: String
    let directory: SegmentDirectory
    private let server: Server

    init(
        maxBodyBytes: Int = 64 << 20,
        limits: [SegmentLimit] = [],
        configure: (inout Server.Configuration) -> Void = { _ in }
    ) throws {
        var template = Array("/dev/shm/shmgate-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw HostFailure(description: "mkdtemp failed") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        directory = try SegmentDirectory(path: path)
        guard let address = ListenAddress("127.0.0.1:0") else { throw HostFailure(description: "no address") }
        var configuration = Server.Configuration(listen: [address], threads: 2)
        configuration.workers = 4
        configure(&configuration)
        let service = try GatewayService(
            directory: directory,
            configuration: .init(maxBodyBytes: maxBodyBytes, limits: limits)
        )
        server = Server(configuration: configuration, service: service) { _, _ in }
        try server.start()
    }

    /// Stops the gateway and removes the directory.
    func close() {
        server.stop(drainSeconds: 20)
        for name in files() where unlink("\(path)/\(name)") != 0 {
            for file in files(below: name) { unlink("\(path)/\(name)/\(file)") }
            rmdir("\(path)/\(name)")
        }
        rmdir(path)
    }

    var activeConnections: Int { server.activeConnections }

    /// How often workers paused in long work to let small requests pass.
    var pauseCount: Int { server.eventThreads.lookCount }

    /// All files of the directory, or of a folder of it, hidden ones too.
    func files(below folder: String = ".") -> [String] {
        guard let stream = opendir("\(path)/\(folder)") else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Every byte of a file.
    func bytes(of name: String) -> [UInt8] {
        let descriptor = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        guard read(descriptor, &bytes, bytes.count) == bytes.count else { return [] }
        return bytes
    }

    /// Writes a file of these bytes.
    func write(_ bytes: [UInt8], to name: String) throws {
        let descriptor = open("\(path)/\(name)", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HostFailure(description: "open \(name) failed") }
        defer { Glibc.close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw HostFailure(description: "write \(name) failed")
        }
    }

    /// Unlinks a file as another process does.
    func remove(_ name: String) { unlink("\(path)/\(name)") }

    /// The paths below the directory that this process has mapped; the kernel marks those that are gone.
    func mappedFiles() -> [String] {
        guard let stream = fopen("/proc/self/maps", "r") else { return [] }
        defer { fclose(stream) }
        var found: [String] = []
        var line = [CChar](repeating: 0, count: 4_096)
        while fgets(&line, Int32(line.count), stream) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if let start = text.firstRange(of: path) { found.append(String(text[start.lowerBound...])) }
        }
        return found
    }

    /// Every byte of every file, in short.
    func state() -> [String: Int] {
        var state: [String: Int] = [:]
        for name in files() { state[name] = bytes(of: name).hashValue }
        return state
    }

    func connect() throws -> GatewayLine { try GatewayLine(port: server.port) }

    /// Asks on a connection of its own.
    func ask(
        _ method: String,
        _ target: String,
        _ headers: [String] = [],
        _ body: [UInt8]? = nil
    ) throws -> GatewayAnswer {
        let line = try connect()
        let length = body.map { ["Content-Length: \($0.count)"] } ?? []
        try line.sendHead(method, target, length + headers)
        if let body { try line.send(body) }
        return try line.answer(isHead: method == "HEAD")
    }

    /// Asks with a text as body.
    func ask(_ method: String, _ target: String, _ headers: [String], text: String) throws -> GatewayAnswer {
        try ask(method, target, headers, Array(text.utf8))
    }

    /// Creates a segment from the text of its layout and the members beside it.
    func create(_ name: String, _ layout: String, _ more: String = "") throws {
        let text = "{\"name\": \"\(name)\", \"layout\": \(layout)\(more)}"
        let answer = try ask("POST", "/segments", ["Content-Type: application/json"], text: text)
        guard answer.status == 201 else { throw HostFailure(description: answer.text) }
    }
}

/// Runs a test against a gateway that is closed behind it.
func withGateway(
    maxBodyBytes: Int = 64 << 20,
    limits: [SegmentLimit] = [],
    configure: (inout Server.Configuration) -> Void = { _ in },
    _ body: (GatewayHost) throws -> Void
) throws {
    let host = try GatewayHost(maxBodyBytes: maxBodyBytes, limits: limits, configure: configure)
    defer { host.close() }
    try body(host)
}

/// One connection to a gateway, for one request.
final class GatewayLine {
    private let descriptor: Int32
    private var isOpen = true

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw HostFailure(description: "connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close() }

    /// Hangs up.
    func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }

    /// Sends a header block; a Host comes with it unless one is given.
    func sendHead(_ method: String, _ target: String, _ headers: [String]) throws {
        let host = headers.contains { $0.hasPrefix("Host:") } ? [] : ["Host: localhost"]
        let lines = ["\(method) \(target) HTTP/1.1"] + host + ["Connection: close"] + headers
        try send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                Glibc.send(descriptor, raw.baseAddress.map { $0 + sent }, raw.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw HostFailure(description: "send: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    /// Sends a body in chunks.
    func sendChunked(_ body: [UInt8], piece: Int = 100_000) throws {
        for start in stride(from: 0, to: body.count, by: piece) {
            let part = body[start..<min(start + piece, body.count)]
            try send(Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8))
        }
        try send(Array("0\r\n\r\n".utf8))
    }

    /// Reads until the gateway hangs up.
    func readToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count == 0 || (count < 0 && errno == ECONNRESET) { return bytes }
            guard count > 0 else { throw HostFailure(description: "recv: \(String(cString: strerror(errno)))") }
            bytes += piece.prefix(count)
        }
    }

    /// Reads the only answer.
    func answer(isHead: Bool = false) throws -> GatewayAnswer {
        let bytes = try readToEnd()
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) else {
            throw HostFailure(description: "expected an answer, got \(String(decoding: bytes, as: UTF8.self))")
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else {
            throw HostFailure(description: "expected a status line, got \(lines)")
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let body = Array(bytes[(end + 4)...])
        if !isHead, let length = headers["content-length"].flatMap({ Int($0) }), length != body.count {
            throw HostFailure(description: "expected \(length) bytes, got \(body.count)")
        }
        return GatewayAnswer(status: status, headers: headers, body: body)
    }
}

/// Waits for something that happens on other threads; false if it did not within so long.
func eventually(seconds: Int = 60, _ isTrue: () -> Bool) -> Bool {
    for _ in 0..<(seconds * 500) {
        if isTrue() { return true }
        usleep(2_000)
    }
    return isTrue()
}

/// An `.npy` file around packed bytes.
func npy(_ descriptor: String, _ shape: String, _ data: [UInt8], isFortran: Bool = false) -> [UInt8] {
    var header = "{'descr': '\(descriptor)', 'fortran_order': \(isFortran ? "True" : "False"), 'shape': \(shape), }"
    header += String(repeating: " ", count: (64 - (10 + header.utf8.count + 1) % 64) % 64) + "\n"
    let count = UInt16(header.utf8.count)
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(count & 0xFF), UInt8(count >> 8)] + Array(header.utf8) + data
}
