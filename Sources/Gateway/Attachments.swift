internal import Documents
internal import Glibc
internal import Locks
internal import Segments

/// Who is attached to the segments of the gateway: one walk through the processes at a time, and not one for each
/// question.
final class Attachments: Sendable {
    /// So old may a walk be that answers a question.
    private static let lifetimeNs: Int64 = 1_000_000_000

    /// The last walk and when it began.
    private let latest = Locked<(startNs: Int64, survey: ProcessSurvey)?>(nil)

    /// Who maps a segment; waits for another's walk until the deadline, then it is ``SegmentError/busy(_:)``.
    func attachment(of segment: Segment, status: FileStatus, until deadline: Deadline) throws -> Attachment {
        let survey = try survey(witness: segment, until: deadline)
        return Attachment(processes: survey.processes(mapping: status), orphanhood: survey.orphanhood(of: status))
    }

    private func survey(witness: Segment, until deadline: Deadline) throws(SegmentError) -> ProcessSurvey {
        let survey = latest.withLock(until: deadline) { latest in
            let nowNs = Clock.monotonicNs()
            if let latest, nowNs - latest.startNs < Self.lifetimeNs { return latest.survey }
            let fresh = ProcessSurvey(witness: witness)
            latest = (nowNs, fresh)
            return fresh
        }
        guard let survey else { throw .busy("another request is walking through the processes") }
        return survey
    }
}

extension Locked {
    /// Runs `body` as `withLock` does, if the lock is to be had until the deadline; else returns nil.
    fileprivate func withLock<Result>(
        until deadline: Deadline,
        _ body: (inout sending Value) -> sending Result
    ) -> sending Result? {
        while true {
            if let result = withLockIfAvailable(body) { return result }
            if deadline.hasPassed { return nil }
            usleep(2_000)
        }
    }
}

/// Who maps a segment.
struct Attachment {
    let processes: [AttachedProcess]
    let orphanhood: Orphanhood

    /// Writes the members of a description.
    func write(to json: inout JSONWriter) {
        json.key("attached")
        json.beginArray()
        for process in processes {
            json.beginObject()
            json.key("pid")
            json.integer(Int64(process.pid))
            json.key("command")
            json.string(process.command)
            json.endObject()
        }
        json.endArray()
        json.key("orphan")
        switch orphanhood {
        case .yes: json.bool(true)
        case .no: json.bool(false)
        case .unknown: json.string("unknown")
        }
    }
}
