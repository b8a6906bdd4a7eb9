internal import MicroHTTP
internal import Segments

/// Gives pinned segments their names back, and says so in the log.
final class PinKeeper: Sendable {
    private let directory: SegmentDirectory
    private let log: @Sendable (Server.LogLevel, String) -> Void
    /// How long a start waits for writers of segments that lost their names.
    private static let startMilliseconds: Int64 = 2_000

    /// Looks at all pins at once.
    init(_ directory: SegmentDirectory, log: @escaping @Sendable (Server.LogLevel, String) -> Void) {
        self.directory = directory
        self.log = log
        do throws(SegmentError) {
            for finding in try directory.reconcilePins(until: .after(milliseconds: Self.startMilliseconds)) {
                report(finding)
            }
        } catch {
            log(.warning, "the pins cannot be read: \(error)")
        }
    }

    private func report(_ finding: PinFinding) {
        let segment = "the pinned segment \(finding.name) (\(finding.uuid))"
        switch finding.outcome {
        case .givenBack: log(.info, "\(segment) has its name back: somebody had unlinked it without the protocol")
        case .taken: log(.warning, "\(segment) has lost its name to another file, which keeps it: the pin is dropped")
        case .unlinked: log(.debug, "\(segment) was unlinked on purpose: its pin is removed")
        case .corrupt(let error): log(.warning, "\(segment) gets no name back: \(error)")
        case .notBelieved(let reason): log(.warning, "the pin of \(finding.name) is not believed: \(reason)")
        case .postponed(let error): log(.warning, "\(segment) cannot get its name back yet: \(error)")
        }
    }
}
