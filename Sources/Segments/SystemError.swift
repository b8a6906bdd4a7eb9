internal import Glibc

/// An `errno` value together with the system call that set it.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name of the call, as in its manual page.
    public let call: String
    /// The value of `errno`.
    public let code: Int32

    init(_ call: String, _ code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    /// The call and what the C library says about the code.
    public var description: String { "\(call): \(String(cString: strerror(code)))" }
}
