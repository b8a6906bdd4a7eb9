import Glibc
import MicroHTTP
import Segments

/// Why a command could not do its work, as one line for people, and as an exit status for scripts.
struct StartFailure: Error, CustomStringConvertible {
    /// The statuses, as sysexits.h has them.
    enum Cause: Int32 {
        /// Anything else.
        case other = 1
        /// What was given is no value, no slice, no layout, or a segment is corrupt: the gateway's 4xx for which there is no
        /// other status.
        case badInput = 65
        /// A directory, a file or a segment is not there.
        case missing = 66
        /// Another process listens there, or none does.
        case unavailable = 69
        /// The name is taken, or somebody else has written meanwhile: 409 and 412.
        case conflict = 73
        /// There is no room: 507.
        case outOfSpace = 74
        /// To be tried again later: 503 and 429.
        case busy = 75
        /// This user may not do that.
        case notPermitted = 77
        /// A file or an address that was named cannot be used as it is.
        case badConfiguration = 78
    }

    let cause: Cause
    let description: String

    init(_ cause: Cause = .other, _ description: String) {
        self.cause = cause
        self.description = description
    }

    /// Says it on standard error.
    func tell() { Self.tell("Error: \(self)") }

    /// Says on standard error what is no failure.
    static func warn(_ text: String) { tell("Warning: \(text)") }

    private static func tell(_ line: String) {
        _ = "\(TerminalText.visible(line))\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }

    /// A file that cannot be read or written.
    init(file path: String, _ verb: String, _ error: SystemError) {
        let cause: Cause =
            switch error.code {
            case ENOENT, ENOTDIR: .missing
            case EACCES, EPERM, EROFS: .notPermitted
            case EISDIR, EEXIST: verb == "read" ? .missing : .conflict
            case ENOSPC, EDQUOT: .outOfSpace
            default: .other
            }
        self.init(cause, "Cannot \(verb) \(path): \(error)")
    }

    /// What could not be done with one of several segments.
    init(segment name: SegmentName, _ error: any Error) {
        var cause = Cause.other
        switch error as? SegmentError {
        case .noSuchSegment?: cause = .missing
        case .alreadyExists?, .preconditionFailed?, .replaced?: cause = .conflict
        case .outOfSpace?: cause = .outOfSpace
        case .busy?: cause = .busy
        case .forbidden?: cause = .notPermitted
        case .corrupt?, .unsupportedFormat?: cause = .badInput
        case .system(let error)?:
            cause = error.code == ENOENT ? .missing : error.code == EACCES ? .notPermitted : .other
        default: break
        }
        self.init(cause, "\(name): \(error)")
    }

    /// A directory of segments that cannot be used.
    init(directory path: String, _ error: any Error) {
        var cause = Cause.other
        if case .system(let error)? = error as? SegmentError {
            switch error.code {
            case ENOENT: cause = .missing
            case EACCES, EPERM: cause = .notPermitted
            case ENOTDIR: cause = .badConfiguration
            default: break
            }
        }
        self.init(cause, "Cannot use the directory \(path): \(error)")
    }

    init(_ error: ServerError) {
        let cause: Cause =
            switch error {
            case .addressInUse: .unavailable
            case .notPermitted: .notPermitted
            case .badAddress, .badSocketFile, .badInheritance, .badCertificate: .badConfiguration
            case .noDaemon, .system: .other
            }
        self.init(cause, "Cannot start: \(error)")
    }
}
