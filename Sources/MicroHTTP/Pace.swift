/// How far a client has come with a body or an answer, and until when it has to be farther.
///
/// Bytes earn time, each as much as the least rate gives it, but never more than a pause may last. So a client that
/// keeps the rate may take as long as it likes, one that stops is cut after that pause, and one that only drips a little
/// later: bytes that it took long ago do not help it.
struct Pace {
    private var moved: UInt64
    private var deadlineNs: Int64

    /// Begins now, with what was moved already.
    init(nowNs: Int64, moved: UInt64, _ configuration: Server.Configuration) {
        self.moved = moved
        deadlineNs = nowNs + Self.pauseNs(configuration)
    }

    /// Takes note of all that was moved so far; true if it was too little.
    ///
    /// A client that owes nothing, for all that there is was moved, begins anew as long as it is given more: to one that
    /// is given nothing, for as long as a pause may last, nothing will be given any more.
    mutating func isTooSlow(
        nowNs: Int64,
        moved total: UInt64,
        owesNothing: Bool = false,
        _ configuration: Server.Configuration
    ) -> Bool {
        let longestNs = Self.pauseNs(configuration)
        let gained = total > moved ? total - moved : 0
        moved = total
        if owesNothing, gained > 0 {
            deadlineNs = nowNs + longestNs
        } else if gained > 0 {
            let earnedNs = Double(gained) / configuration.minBytesPerSecond * 1e9  // infinite for a rate of 0
            deadlineNs = min(deadlineNs + Int64(min(earnedNs, Double(longestNs))), nowNs + longestNs)
        }
        return nowNs > deadlineNs
    }

    private static func pauseNs(_ configuration: Server.Configuration) -> Int64 {
        Int64(configuration.idleSeconds * 1e9)
    }
}
