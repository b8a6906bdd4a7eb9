/// The stable names of what can go wrong, as clients see them.
enum ProblemCode: String, CaseIterable {
    case invalidJSON = "invalid-json"
    case invalidBody = "invalid-body"
    case invalidName = "invalid-name"
    case invalidLayout = "invalid-layout"
    case invalidDType = "invalid-dtype"
    case invalidSlice = "invalid-slice"
    case invalidQuery = "invalid-query"
    case invalidHeader = "invalid-header"
    case unauthorized
    case forbidden
    case noSuchSegment = "no-such-segment"
    case noSuchMember = "no-such-member"
    case noSuchLayout = "no-such-layout"
    case noSuchRoute = "no-such-route"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case alreadyExists = "already-exists"
    case preconditionFailed = "precondition-failed"
    case tooLarge = "too-large"
    case rangeNotSatisfiable = "range-not-satisfiable"
    case unsupportedMediaType = "unsupported-media-type"
    case expectationFailed = "expectation-failed"
    case headerTooLarge = "header-too-large"
    case tooManyRequests = "too-many-requests"
    case indexOutOfBounds = "index-out-of-bounds"
    case noSuchLabel = "no-such-label"
    case shapeMismatch = "shape-mismatch"
    case labelMismatch = "label-mismatch"
    case valueOutOfRange = "value-out-of-range"
    case corruptSegment = "corrupt-segment"
    case unsupportedFormat = "unsupported-format"
    case internalError = "internal-error"
    case busy
    case outOfSpace = "out-of-space"

    /// The status that goes with it.
    var status: Int {
        switch self {
        case .invalidJSON, .invalidBody, .invalidName, .invalidLayout, .invalidDType, .invalidSlice, .invalidQuery,
            .invalidHeader:
            400
        case .unauthorized: 401
        case .forbidden: 403
        case .noSuchSegment, .noSuchMember, .noSuchLayout, .noSuchRoute: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .alreadyExists: 409
        case .preconditionFailed: 412
        case .tooLarge: 413
        case .rangeNotSatisfiable: 416
        case .unsupportedMediaType: 415
        case .indexOutOfBounds, .noSuchLabel, .shapeMismatch, .labelMismatch, .valueOutOfRange: 422
        case .expectationFailed: 417
        case .tooManyRequests: 429
        case .headerTooLarge: 431
        case .corruptSegment, .unsupportedFormat, .internalError: 500
        case .busy: 503
        case .outOfSpace: 507
        }
    }

    /// A short phrase for people; the same for every problem of the code.
    var title: String {
        switch self {
        case .invalidJSON: "The body is not valid JSON"
        case .invalidBody: "The body is not what its media type says"
        case .invalidName: "Not a name for a segment"
        case .invalidLayout: "Not a layout"
        case .invalidDType: "Not a dtype"
        case .invalidSlice: "Not a slice"
        case .invalidQuery: "Not a query of this resource"
        case .invalidHeader: "The request is malformed"
        case .unauthorized: "No token, or none that is known"
        case .forbidden: "Forbidden"
        case .noSuchSegment: "No such segment"
        case .noSuchMember: "No such member"
        case .noSuchLayout: "No such layout"
        case .noSuchRoute: "No such resource"
        case .methodNotAllowed: "The resource does not have this method"
        case .notAcceptable: "No acceptable representation"
        case .alreadyExists: "The name is taken"
        case .preconditionFailed: "The segment has changed"
        case .tooLarge: "The body is too large"
        case .rangeNotSatisfiable: "No byte of the range is there"
        case .unsupportedMediaType: "Not a media type of this resource"
        case .expectationFailed: "Not an expectation that can be met"
        case .tooManyRequests: "Too many requests"
        case .headerTooLarge: "The header block is too large"
        case .indexOutOfBounds: "Index out of bounds"
        case .noSuchLabel: "No such label"
        case .shapeMismatch: "The shapes do not fit"
        case .labelMismatch: "The labels are not those of the selection"
        case .valueOutOfRange: "The dtype cannot hold the value"
        case .corruptSegment: "The segment is corrupt"
        case .unsupportedFormat: "The segment has an unknown format"
        case .internalError: "The gateway failed"
        case .busy: "Busy at the moment"
        case .outOfSpace: "Shared memory is full"
        }
    }
}
