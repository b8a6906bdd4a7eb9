internal import Glibc

extension SegmentDirectory {
    /// Looks for segments that nobody maps and whose last write is older than so many seconds.
    ///
    /// Files that are no segments are passed over. One walk through the processes serves all; `look` makes it.
    package func orphans(
        olderThan seconds: Int64,
        prefix: String,
        look: (Segment) -> ProcessSurvey = { ProcessSurvey(witness: $0) }
    ) throws(SegmentError) -> OrphanSearch {
        var search = OrphanSearch()
        let nowNs = Clock.unixNs()
        var survey: ProcessSurvey?
        for name in try names() where name.description.hasPrefix(prefix) {
            let segment: Segment
            let vitals: Vitals
            do throws(SegmentError) {
                segment = try load(name)
                vitals = try segment.vitals()
            } catch {
                if let keeping = Keeping(error) { search.kept[keeping, default: 0] += 1 }
                continue
            }
            let known = survey ?? look(segment)
            survey = known
            if let keeping = keeping(segment, vitals, olderThan: seconds, at: nowNs, known) {
                search.kept[keeping, default: 0] += 1
                continue
            }
            search.orphans.append(
                Orphan(
                    name: name,
                    uuid: segment.uuid,
                    sequence: vitals.sequence,
                    totalBytes: segment.totalBytes,
                    modifiedNs: vitals.modifiedNs
                )
            )
        }
        search.gaps = survey?.gaps ?? []
        return search
    }

    /// Unlinks an orphan, if it still is one: the same incarnation, not written to since, and nobody maps it by now.
    ///
    /// All of that is looked at under its lock. Returns why it stays, nil if it is gone.
    package func remove(
        _ orphan: Orphan,
        until deadline: Deadline,
        look: (Segment) -> ProcessSurvey = { ProcessSurvey(witness: $0) }
    ) throws(SegmentError) -> Keeping? {
        var reason: Keeping?
        do throws(SegmentError) {
            try unlink(orphan.name, until: deadline) { segment throws(SegmentError) in
                reason = try recheck(orphan, segment, look)
                if reason != nil { throw .preconditionFailed("the segment \(orphan.name) is no orphan any more") }
            }
            return nil
        } catch {
            if let reason { return reason }
            guard let keeping = error.isAbsence ? .changed : Keeping(error) else { throw error }
            return keeping
        }
    }

    private func recheck(
        _ orphan: Orphan,
        _ segment: Segment?,
        _ look: (Segment) -> ProcessSurvey
    ) throws(SegmentError) -> Keeping? {
        guard let segment, segment.uuid == orphan.uuid, try segment.sequence() == orphan.sequence else {
            return .changed
        }
        guard let status = try status(of: orphan.name), status.isSameFile(as: segment.status) else { return .changed }
        if isKept(segment, status) { return .pinned }
        if !isOurs(status) { return .notOurs }
        return Keeping(look(segment).orphanhood(of: status))
    }

    private func keeping(
        _ segment: Segment,
        _ vitals: Vitals,
        olderThan seconds: Int64,
        at nowNs: Int64,
        _ survey: ProcessSurvey
    ) -> Keeping? {
        if isKept(segment, segment.status) { return .pinned }
        if !isOurs(segment.status) { return .notOurs }
        let (ageNs, overflow) = nowNs.subtractingReportingOverflow(vitals.modifiedNs)
        // A time that is no time, before 1970 or so far off that the difference is none, is nobody's last write.
        if overflow || vitals.modifiedNs < 0 || ageNs / 1_000_000_000 < seconds || ageNs < 0 { return .young }
        return Keeping(survey.orphanhood(of: segment.status))
    }

    /// Whether a second link keeps the segment: a pin of any user's, whose folder may be closed to this one.
    private func isKept(_ segment: Segment, _ status: FileStatus) -> Bool {
        status.linkCount != 1 || hasPin(segment.uuid, of: segment.name)
    }
}

/// Whether this user may decide over a file.
private func isOurs(_ status: FileStatus) -> Bool { geteuid() == 0 || status.uid == geteuid() }

extension Keeping {
    /// Why a segment stays of which is known whether somebody maps it; nil if nobody does.
    fileprivate init?(_ orphanhood: Orphanhood) {
        switch orphanhood {
        case .yes: return nil
        case .no: self = .attached
        case .unknown: self = .unknown
        }
    }

    /// Why a segment stays that gave an error; nil if it is no segment, or the error is none of the segment's.
    fileprivate init?(_ error: SegmentError) {
        switch error {
        case .corrupt, .unsupportedFormat: self = .unreadable
        case .forbidden: self = .notOurs
        case .busy: self = .busy
        case .replaced: self = .changed
        default: return nil
        }
    }
}

extension SegmentError {
    fileprivate var isAbsence: Bool {
        if case .noSuchSegment = self { true } else { false }
    }
}
