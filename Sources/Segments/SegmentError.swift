internal import Glibc

/// What can go wrong with a segment.
public enum SegmentError: Error, Equatable, Sendable {
    /// The name breaks the rule for names; the text says which.
    case invalidName(String)
    /// No segment has this name: no such file, or a file that is no segment.
    case noSuchSegment(String)
    /// The name now leads to another segment than the one that was opened: open again by name.
    case replaced(String)
    /// The name belongs to a segment, or to a file that is none.
    case alreadyExists(String)
    /// The file's mode, or its read-only flag, forbids it.
    case forbidden(String)
    /// The file has the magic but its control page or header contradicts itself or the file.
    case corrupt(String)
    /// A format version or flag that this program does not know.
    case unsupportedFormat(String)
    /// Shared memory is full; the text says how much was asked for.
    case outOfSpace(String)
    /// Another process kept the segment until the deadline.
    case busy(String)
    /// The condition that the caller set did not hold under the lock.
    case preconditionFailed(String)
    /// A system call failed in a way that is nobody's fault but the machine's.
    case system(SystemError)

    /// Turns the `errno` of a call on a segment's file into the error that the user should see.
    static func from(_ error: SystemError, name: String) -> SegmentError {
        switch error.code {
        case ENOENT, ELOOP, ENXIO, ENOTDIR, EISDIR, ENODEV: .noSuchSegment(name)
        case EEXIST: .alreadyExists(name)
        case EACCES, EPERM, EROFS: .forbidden("the mode of the segment \(name) does not allow this")
        case ENOSPC, ENOMEM, EDQUOT, EFBIG: .outOfSpace("shared memory is full")
        default: .system(error)
        }
    }
}

extension SegmentError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String {
        switch self {
        case .noSuchSegment(let name): "there is no segment \(name)"
        case .replaced(let name): "the name \(name) now leads to another segment"
        case .alreadyExists(let name): "the name \(name) is taken"
        case .system(let error): error.description
        case .invalidName(let text), .forbidden(let text), .corrupt(let text), .unsupportedFormat(let text),
            .outOfSpace(let text), .busy(let text), .preconditionFailed(let text):
            text
        }
    }
}
