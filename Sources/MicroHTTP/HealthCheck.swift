/// The question to a running server whether it is well.
package enum HealthCheck {
    /// Why there was no answer.
    package enum Failure: Error, CustomStringConvertible {
        /// Nobody can be reached there.
        case unreachable(String)
        /// What came was no HTTP answer.
        case malformed

        /// One sentence for people.
        package var description: String {
            switch self {
            case .unreachable(let text): text
            case .malformed: "expected an HTTP answer, got something else"
            }
        }
    }

    /// Asks `GET path` and gives the status code; waits at most `seconds` for each step.
    package static func status(of address: ListenAddress, path: String, seconds: Int = 5) throws -> Int {
        try HTTPClient(.address(address, trust: nil), seconds: seconds).send("GET", path).status
    }
}
