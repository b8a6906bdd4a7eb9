internal import Glibc

/// Why a server did not start.
package enum ServerError: Error, Equatable, CustomStringConvertible {
    /// The address is no address of this machine.
    case badAddress(String)
    /// Somebody else listens there.
    case addressInUse(String)
    /// The port, or the directory of the socket, needs a privilege.
    case notPermitted(String)
    /// The file of a socket cannot be made: why not.
    case badSocketFile(String)
    /// What was handed over is no socket that listens: why not.
    case badInheritance(String)
    /// Certificate, key or authorities cannot be used: which, and why not.
    case badCertificate(String)
    /// libmicrohttpd did not start.
    case noDaemon
    /// A system call failed.
    case system(call: String, code: Int32)

    /// One sentence for people.
    package var description: String {
        switch self {
        case .badAddress(let address): "expected an address of this machine to listen on, got \(address)"
        case .addressInUse(let address): "another process listens on \(address)"
        case .notPermitted(let address): "this user may not listen on \(address)"
        case .badSocketFile(let text), .badInheritance(let text), .badCertificate(let text): text
        case .noDaemon: "libmicrohttpd did not start"
        case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
        }
    }
}
