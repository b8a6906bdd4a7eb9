internal import CMicroHTTPD
internal import Glibc
internal import Synchronization

/// Makes the bytes of a body, in order, as the client takes them.
///
/// One thread at a time reads.
package protocol BodySource: AnyObject {
    /// How many bytes there will be.
    var count: Int { get }

    /// Copies bytes out from an offset on; returns how many, at least one before the end.
    func read(from offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int
}

/// Makes the bytes of a body of which nobody knows how many there will be.
///
/// One thread at a time reads.
package protocol OpenBodySource: AnyObject {
    /// Stores the next bytes and says how many; 0 at the end, nil if there should be more and cannot be.
    func read(into target: UnsafeMutableRawBufferPointer) -> Int?
}

/// An answer: status, header fields and body.
///
/// `Date` and `Content-Length` are libmicrohttpd's work.
package struct Response {
    /// Where the bytes of a body come from.
    package enum Body {
        /// None.
        case empty
        /// Memory from `malloc`, which now belongs to the response.
        case allocated(UnsafeMutableRawBufferPointer)
        /// Memory that is sent without a copy; the owner is held until the last byte is out.
        case pinned(UnsafeRawBufferPointer, owner: AnyObject)
        /// Memory that stays for as long as the process.
        case fixed(UnsafeRawBufferPointer)
        /// Bytes that are made while they are sent; the source is held until the last one is out.
        case made(any BodySource)
        /// Bytes that are made while they are sent, as many as come; they go out in chunks.
        case streamed(any OpenBodySource)
        /// Bytes that are made when there is something to say; the source is held until the last one is out.
        case live(any LiveSource)
        /// For HEAD: a body of unknown length that is never made.
        case unknownLength
        /// For HEAD: the length of a body that is never made.
        case length(UInt64)

        /// How many bytes will be sent; 0 where nobody knows yet.
        var knownCount: Int {
            switch self {
            case .empty, .streamed, .live, .unknownLength, .length: 0
            case .allocated(let bytes): bytes.count
            case .pinned(let bytes, _), .fixed(let bytes): bytes.count
            case .made(let source): source.count
            }
        }
    }

    /// The status code.
    package var status: Int { didSet { forms = nil } }
    /// Name and value; neither may have a line break in it, and a value may be empty.
    package var headers: [(StaticString, String)] { didSet { forms = nil } }
    /// The body.
    package var body: Body { didSet { forms = nil } }
    /// Where libmicrohttpd's forms of this very answer are kept, for one that is sent again; whoever changes the answer
    /// lets go of them.
    package private(set) var forms: AnswerForms?
    /// Why it is a refusal, for the log; nil for answers that are none.
    package var note: Note?

    /// What the log says of a refusal.
    package struct Note: Sendable {
        package var code: String
        package var detail: String

        package init(code: String, detail: String) {
            self.code = code
            self.detail = detail
        }
    }

    /// An answer of these parts.
    package init(
        status: Int,
        headers: [(StaticString, String)] = [],
        body: Body = .empty,
        forms: AnswerForms? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.forms = forms
    }
}

extension Response {
    /// The whole answer as it goes over the wire, for a connection that libmicrohttpd never sees; frees the body.
    ///
    /// Only for small bodies in memory of their own.
    func withWireBytes(_ stamp: Stamp, _ send: (UnsafeRawBufferPointer) -> Void) {
        var body = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        if case .allocated(let bytes) = self.body { body = bytes }
        defer { free(body.baseAddress) }
        var text =
            "HTTP/1.1 \(status) \(MHD_get_reason_phrase_for(UInt32(status)).map { String(cString: $0) } ?? "")\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        stamp.withFields { name, value in text += "\(String(cString: name)): \(String(cString: value))\r\n" }
        text += "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        (Array(text.utf8) + body).withUnsafeBytes(send)
    }

    /// Frees the body of an answer that nobody is there to take.
    func discard() { if case .allocated(let bytes) = body { free(bytes.baseAddress) } }

    /// Makes libmicrohttpd's form of it and queues that; gives ownership of the body away in any case.
    ///
    /// Bytes of a body of unknown length are counted as they are made.
    func queue(for exchange: Exchange, _ stamp: Stamp) -> MHD_Result {
        guard let form = forms?.take() ?? make(exchange) else { return .NO }
        if let forms { exchange.form = (form, forms) }
        defer { if forms == nil { MHD_destroy_response(form) } }
        stamp.withFields { _ = MHD_add_response_header(form, $0, $1) }
        return MHD_queue_response(exchange.connection, UInt32(status), form)
    }

    /// libmicrohttpd's form of it, with its fields.
    private func make(_ exchange: Exchange) -> OpaquePointer? {
        guard let made = makeBody(exchange) else { return nil }
        for (name, value) in headers {
            name.withUTF8Buffer { name in
                name.withMemoryRebound(to: CChar.self) { name in
                    // libmicrohttpd refuses an empty value; a space is one, for the blanks around a value are not it.
                    _ = MHD_add_response_header(made, name.baseAddress, value.isEmpty ? " " : value)
                }
            }
        }
        return made
    }

    /// So many bytes of a body are made at a time, at most: libmicrohttpd clears memory for them.
    private static let pieceBytes = 256 << 10

    private func makeBody(_ exchange: Exchange) -> OpaquePointer? {
        switch body {
        case .empty where status == 304: return makeWithoutLength()
        case .empty: return MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT)
        case .allocated(let bytes):
            return MHD_create_response_from_buffer(bytes.count, bytes.baseAddress, .RESPMEM_MUST_FREE)
        case .fixed(let bytes):
            return MHD_create_response_from_buffer(
                bytes.count,
                UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                .RESPMEM_PERSISTENT
            )
        case .pinned(let bytes, let owner):
            let box = Unmanaged.passRetained(owner)
            let made = MHD_create_response_from_buffer_with_free_callback_cls(
                bytes.count,
                UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                releaseOwner,
                box.toOpaque()
            )
            if made == nil { box.release() }
            return made
        case .made(let source):
            let box = Unmanaged.passRetained(SourceBox(source))
            let made = MHD_create_response_from_callback(
                UInt64(source.count),
                max(min(Self.pieceBytes, source.count), 1),
                readSource,
                box.toOpaque(),
                releaseOwner
            )
            if made == nil { box.release() }
            return made
        case .streamed(let source):
            let box = Unmanaged.passRetained(OpenSourceBox(source, exchange.record.server.traffic))
            let made = MHD_create_response_from_callback(.max, 32 << 10, readOpenSource, box.toOpaque(), releaseOwner)
            if made == nil { box.release() }
            return made
        case .live(let source):
            let box = Unmanaged.passRetained(LiveBody(source, exchange))
            let made = MHD_create_response_from_callback(.max, 4 << 10, readLiveBody, box.toOpaque(), releaseOwner)
            if made == nil { box.release() }
            return made
        case .unknownLength: return makeWithoutLength()
        case .length(let count):
            return MHD_create_response_from_callback(count, 1_024, refuseToRead, nil, nil)
        }
    }

    /// For 304, whose `Content-Length` would have to be that of the body that is not sent, and for a HEAD of what has no
    /// length.
    ///
    /// libmicrohttpd leaves the field out only if the connection ends behind the answer, or in chunks, whose end it
    /// would send although there is no body.
    private func makeWithoutLength() -> OpaquePointer? {
        let made = MHD_create_response_from_callback(.max, 1_024, refuseToRead, nil, nil)
        if let made { cmicrohttpd_end_with_connection(made) }
        return made
    }
}
