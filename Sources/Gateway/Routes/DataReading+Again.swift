internal import MicroHTTP
internal import Segments

extension DataReading {
    /// Carries out a read that came before.
    ///
    /// If its bytes are what they were then, it is answered with what was made then. An answer is kept when a read meets
    /// the sequence that the one before it met: who reads what is written all the time would keep answers in vain.
    func again(
        _ read: PlannedRead,
        _ reservation: MemoryReservation?,
        _ context: RequestContext
    ) throws -> Response {
        guard read.mayKeepAnswer else { return try carryOut(read, reservation, context, comesAgain: true) }
        if let answer = try unchanged(read, context) { return answer }
        let copied = try copied(read, reservation, context, comesAgain: true)
        guard let snapshot = copied.snapshot else { preconditionFailure("who wants no snapshot has nothing kept") }
        guard read.meets(snapshot.sequence) else { return try answer(read, copied, reservation) }
        let source = copied.copy.packed
        // It holds its reservation unless it is kept, and then copied out of it.
        let made = try answer(read, copied, reservation)
        guard let fresh = KeptAnswer(made, of: snapshot, source, in: catalog.targets.answers) else { return made }
        read.keep(fresh)
        return fresh.response
    }

    /// The answer that was kept, if the segment has the bytes still that it was made of.
    ///
    /// They are copied to where nobody keeps them, the stack if they are few. Bytes that somebody changed without the
    /// sequence are copied once more, for their answer.
    private func unchanged(_ read: PlannedRead, _ context: RequestContext) throws -> Response? {
        let segment = read.target.segment
        guard let kept = read.keptAnswer, try segment.sequence() == kept.sequence else { return nil }
        return try withUnsafeTemporaryAllocation(byteCount: read.copiedBytes, alignment: 16) { memory in
            guard let base = memory.baseAddress else { return nil }
            let snapshot = try segment.snapshot(read.parts.snapshotParts(into: base), until: context.deadline)
            return kept.isStill(snapshot, UnsafeRawBufferPointer(memory)) ? kept.response : nil
        }
    }
}
