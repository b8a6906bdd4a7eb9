import Documents
import Glibc
import MicroHTTP

/// Follows a stream of events, also beyond the end of the gateway that tells them.
struct EventFollower {
    private let client: SegmentClient
    private let path: String
    private let parameters: [(String, String)]
    private var reader = EventReader()
    /// Whether a stream has ever begun: what fails before that is a mistake of the user and no accident.
    private var hasBegun = false
    private var pause = Self.shortestPause

    private static let shortestPause: UInt32 = 100_000
    private static let longestPause: UInt32 = 5_000_000

    init(_ client: SegmentClient, _ path: String, _ parameters: [(String, String)]) {
        self.client = client
        self.path = path
        self.parameters = parameters
    }

    /// Hands events over as they come; ends by an error only, also one of `receive`.
    mutating func follow(_ receive: (ServerEvent) throws -> Void) throws -> Never {
        while true {
            let reason = try stream(receive)
            // Once for each time that a gateway is away.
            if pause == Self.shortestPause { StartFailure.warn("\(reason); asking again until there is an answer") }
            usleep(pause)
            pause = min(2 * pause, Self.longestPause)
        }
    }

    /// Hands over what a stream tells, behind what the one before told.
    ///
    /// Gives why it ended, or did not begin, where there may be another one later.
    private mutating func stream(_ receive: (ServerEvent) throws -> Void) throws -> String {
        reader = EventReader(behind: reader.lastID)
        let seen = reader.lastID.map { [("Last-Event-ID", $0)] } ?? []
        do {
            try client.exchange("GET", path, parameters, headers: [("Accept", "text/event-stream")] + seen) { _ in
                hasBegun = true
                pause = Self.shortestPause
            } receive: { piece in
                for event in try reader.take(piece) { try receive(event) }
            }
            return "the stream has ended"
        } catch let failure as StartFailure
            where hasBegun && (failure.cause == .unavailable || failure.cause == .busy)
        {
            return failure.description
        }
    }
}
