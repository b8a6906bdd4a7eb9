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
        let copied = try copied(read, reservation, context, comesAgain: true)
        guard let snapshot = copied.snapshot else { preconditionFailure("who wants no snapshot has nothing kept") }
        let (kept, isQuiet) = read.keptAnswer(at: snapshot.sequence)
        if let kept, kept.isStill(snapshot, copied.copy) { return kept.response }
        guard isQuiet else { return try answer(read, copied, reservation) }
        let source = copied.copy.packed
        // It holds its reservation unless it is kept, and then copied out of it.
        let made = try answer(read, copied, reservation)
        guard let fresh = KeptAnswer(made, of: snapshot, source, in: catalog.targets.answers) else { return made }
        read.keep(fresh)
        return fresh.response
    }
}
