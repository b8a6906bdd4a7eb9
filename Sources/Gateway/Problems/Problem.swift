internal import Documents
internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

/// Why a request was refused; becomes an `application/problem+json` answer.
struct Problem: Error {
    let code: ProblemCode
    /// What was expected and what came; never an address or a path outside the directory.
    let detail: String
    /// The element of a list in the body that it is about, such as `reads[2]`; nil for the request as a whole.
    private(set) var place: ListPlace?
    /// Header fields beside the media type.
    var headers: [(StaticString, String)] = []

    init(_ code: ProblemCode, _ detail: String, headers: [(StaticString, String)] = []) {
        self.code = code
        self.detail = detail
        self.headers = headers
        if code == .busy { self.headers.append(("Retry-After", "1")) }
    }

    /// The answer.
    var response: Response {
        var json = JSONWriter()
        json.beginObject()
        json.key("type")
        json.string("about:blank#\(code.rawValue)")
        json.key("title")
        json.string(code.title)
        json.key("status")
        json.integer(Int64(code.status))
        json.key("detail")
        json.string((place.map { "\($0): " } ?? "") + detail)
        json.key("code")
        json.string(code.rawValue)
        if let place {
            json.key("pointer")
            json.string("#/\(place.list)/\(place.index)")
        }
        json.endObject()
        var response = Response(
            status: code.status,
            headers: [("Content-Type", "application/problem+json")] + headers,
            body: .allocated(json.finish().take())
        )
        response.note = .init(code: code.rawValue, detail: (place.map { "\($0): " } ?? "") + detail)
        return response
    }
}

extension Problem {
    /// Turns whatever a room threw into the problem that the client sees: the one place where codes are chosen.
    init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as LocatedError:
            self = Problem(error.cause)
            place = error.place
        case let error as SegmentError: self.init(error)
        case let error as LayoutError: self.init(error)
        case let error as RepresentationError: self.init(error)
        case let error as JSONError: self.init(.invalidJSON, "\(error)")
        default: self.init(.internalError, "an error that nobody expected: \(type(of: error))")
        }
    }

    /// The problem of a request that never came to a route.
    init(_ refusal: Refusal) {
        switch refusal {
        case .malformed(let text): self.init(.invalidHeader, text)
        case .headerTooLarge(let limit):
            self.init(.headerTooLarge, "expected a header block of at most \(limit) bytes, got more")
        case .unknownExpectation:
            self.init(.expectationFailed, "expected 100-continue or nothing for Expect, got something else")
        case .tooManyConnections(let limit):
            self.init(.busy, "expected at most \(limit) connections at once, got one more")
        case .tooManyFromAddress(let limit):
            self.init(.busy, "expected at most \(limit) connections from one address, got one more")
        case .noWorker: self.init(.busy, "expected a free worker, all are busy and the queue is full")
        }
    }

    private init(_ error: SegmentError) {
        let code: ProblemCode =
            switch error {
            case .invalidName: .invalidName
            case .noSuchSegment: .noSuchSegment
            case .replaced, .busy: .busy
            case .alreadyExists: .alreadyExists
            case .forbidden: .forbidden
            case .corrupt: .corruptSegment
            case .unsupportedFormat: .unsupportedFormat
            case .outOfSpace: .outOfSpace
            case .preconditionFailed: .preconditionFailed
            case .system: .internalError
            }
        self.init(code, "\(error)")
    }

    private init(_ error: LayoutError) {
        let code: ProblemCode =
            switch error {
            case .invalidLayout: .invalidLayout
            case .invalidDType: .invalidDType
            case .invalidSlice: .invalidSlice
            case .indexOutOfBounds: .indexOutOfBounds
            case .noSuchMember: .noSuchMember
            case .noSuchLabel: .noSuchLabel
            case .invalidQuery: .invalidQuery
            case .corrupt: .corruptSegment
            }
        self.init(code, "\(error)")
    }

    private init(_ error: RepresentationError) {
        switch error {
        case .invalidJSON(let text): self.init(.invalidJSON, text)
        case .invalidBody(let text): self.init(.invalidBody, text)
        case .shapeMismatch(let text): self.init(.shapeMismatch, text)
        case .valueOutOfRange(let text): self.init(.valueOutOfRange, text)
        case .labelMismatch(let text): self.init(.labelMismatch, text)
        case .tooLarge(let text): self.init(.tooLarge, text)
        case .outOfMemory(let text): self.init(.busy, text)
        }
    }
}
