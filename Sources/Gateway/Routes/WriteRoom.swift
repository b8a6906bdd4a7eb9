internal import Layouts
internal import Segments

/// Room for the values of a write and for its journal, of the budget for private copies.
///
/// A few bytes can ask for a write of gigabytes: one number for all of an array, or a condition that many rows satisfy.
/// What is known before the lock is taken is waited for, in turn; what shows under the lock is there or not.
final class WriteRoom {
    private let budget: MemoryBudget
    private var reservation: MemoryReservation?
    private var left: Int
    private var used = 0

    /// Takes room for so many bytes of values, and for whatever little comes along.
    ///
    /// More than the whole budget is `too-large`, room that is not to be had until the deadline `busy`.
    init(_ budget: MemoryBudget, for byteCount: Int, until deadline: Deadline) throws {
        self.budget = budget
        guard byteCount <= budget.limit else { throw Self.tooLarge(byteCount, budget) }
        reservation = try budget.require(byteCount, until: deadline)
        left = max(byteCount, PrivateCopy.countedFrom)
    }

    /// Uses some of the room, or takes more without waiting.
    func take(_ byteCount: Int) throws {
        used = used.addedClamped(byteCount)
        guard used <= budget.limit else { throw Self.tooLarge(used, budget) }
        if byteCount <= left {
            left -= byteCount
            return
        }
        let more = byteCount - left  // more than is left, but no more than the whole budget
        let isThere: Bool
        if let reservation {
            isThere = reservation.grow(by: more)
        } else {
            reservation = budget.reserve(more, until: .immediate)
            isThere = reservation != nil
        }
        guard isThere else {
            throw SegmentError.busy("expected room for a write of \(byteCount) bytes more, \(budget.limit) are in use")
        }
        left = 0
    }

    /// Uses room for the records that the journal of a write needs beside its bytes.
    func takeJournal(of regions: [Region]) throws {
        let pieces = regions.reduce(0) { $0.addedClamped($1.pieceCount) }
        try take(pieces.multipliedClamped(by: Self.recordBytes))
    }

    private static func tooLarge(_ byteCount: Int, _ budget: MemoryBudget) -> Problem {
        Problem(
            .tooLarge,
            "expected a write that needs at most \(budget.limit) bytes of memory, got one that needs \(byteCount): "
                + "write it in slices"
        )
    }

    /// What a record takes in private memory and encoded, about.
    private static let recordBytes = 96
}
