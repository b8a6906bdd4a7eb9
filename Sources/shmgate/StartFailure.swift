import Glibc
import MicroHTTP
import Segments

/// Why a command could not do its work, as one line for people, and as an exit status for scripts.
struct StartFailure: Error, CustomStringConvertible {
    /// The statuses, as sysexits.h has them.
    enum Cause: Int32 {
        /// Anything else.
        case other = 1
        /// A directory or a file is not there.
        case missing = 66
        /// Another process listens there.
        case addressInUse = 69
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
            case .addressInUse: .addressInUse
            case .notPermitted: .notPermitted
            case .badAddress, .badSocketFile, .badInheritance, .badCertificate: .badConfiguration
            case .noDaemon, .system: .other
            }
        self.init(cause, "Cannot start: \(error)")
    }
}
