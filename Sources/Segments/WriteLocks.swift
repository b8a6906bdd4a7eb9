/// The write locks of several segments, all held; each name was checked, and what dead writers left was recovered.
///
/// Lives only inside ``SegmentDirectory/withWriteLocks(of:until:_:)``.
package struct WriteLocks: ~Copyable {
    private let segments: [Segment]
    private var sequences: [UInt64]

    fileprivate init(_ segments: [Segment], _ sequences: [UInt64]) {
        self.segments = segments
        self.sequences = sequences
    }

    /// The sequence of one of them at this moment; even, and nobody else can change it.
    package func sequence(of segment: Segment) -> UInt64 {
        guard let index = segments.firstIndex(where: { $0 === segment }) else {
            preconditionFailure("the segment is one of those that are locked")
        }
        return sequences[index]
    }
}

extension Segment {
    /// The order in which everybody takes locks who wants more than one.
    static func inLockingOrder(_ segments: [Segment]) -> [Segment] { segments.sorted { $0.uuid < $1.uuid } }
}

extension SegmentDirectory {
    /// Runs `body` with the write locks of several of its segments held, waiting for all of them until `deadline`.
    ///
    /// They are taken in the order of their uuids, by everybody who wants more than one; so of those who wait for one
    /// another there is no circle. No two of them may have the same uuid. Whose lock is not to be had, or does not lead
    /// to its segment any more, is a ``SegmentFailure``.
    package func withWriteLocks<R>(
        of segments: [Segment],
        until deadline: Deadline,
        _ body: (inout WriteLocks) throws -> R
    ) throws -> R {
        let ordered = Segment.inLockingOrder(segments)
        var held = 0
        // In any order: nobody waits while he frees.
        defer { for segment in ordered[..<held] { segment.freeLock() } }
        var sequences: [UInt64] = []
        for segment in ordered {
            let lock = try segment.failing { () throws(SegmentError) in try segment.lockForWriting(until: deadline) }
            held += 1
            sequences.append(lock.sequence)
        }
        var locks = WriteLocks(ordered, sequences)
        return try body(&locks)
    }
}

extension WriteLocks {
    /// Carries out a write over exactly these segments: journals, all odd, the commit word, data, all even, wake.
    ///
    /// All or nothing: a process that is killed in here has stored the commit word or not, and each segment that is odd
    /// is recovered by that word, whoever finds it.
    package mutating func commit(_ write: JointWrite) throws(SegmentFailure) {
        precondition(
            write.pieces.count == segments.count && zip(write.pieces, segments).allSatisfy { $0.segment === $1 },
            "a joint write is carried out on the segments that it was prepared for"
        )
        let odd = sequences.map { $0 &+ 1 }
        var begun = 0
        do throws(SegmentFailure) {
            try write.storeJournals(odd)
            for (segment, sequence) in zip(segments, odd) {
                let lock = WriteLock(segment: segment, sequence: sequence &- 1)
                try segment.failing { () throws(SegmentError) in try lock.beginLocked(sequence) }
                begun += 1
            }
            try write.decide()
        } catch {
            // Nothing was written, and the word says so to who finds an odd one if this process dies here.
            for index in 0..<begun { try? end(index, odd[index]) }
            write.dropJournals()
            throw error
        }
        // From here on it happens. Only a truncated file can fail; it alone is half written, and its readers are told.
        var failure: SegmentFailure?
        for piece in write.pieces {
            do throws(SegmentError) {
                try piece.apply()
            } catch {
                try? piece.segment.markInterrupted()
                failure = failure ?? SegmentFailure(segment: piece.segment, cause: error)
            }
        }
        for index in segments.indices {
            do throws(SegmentError) {
                try end(index, odd[index])
            } catch {
                failure = failure ?? SegmentFailure(segment: segments[index], cause: error)
            }
        }
        write.dropJournals()
        if let failure { throw failure }
    }

    private mutating func end(_ index: Int, _ odd: UInt64) throws(SegmentError) {
        var lock = WriteLock(segment: segments[index], sequence: odd &- 1)
        try lock.endLocked(odd)
        sequences[index] = lock.sequence
    }
}
