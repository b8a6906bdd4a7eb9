internal import Synchronization

/// Lets so many pass in a second: as many at once, and then one after each share of it.
final class Throttle: Sendable {
    private let shareNs: Int
    /// When the next one would be in time, if all came evenly.
    private let dueNs = Atomic(Int.min)

    /// 0 lets all pass.
    init(perSecond: Int) { shareNs = perSecond == 0 ? 0 : max(1, 1_000_000_000 / perSecond) }

    /// Whether one may pass now, by a clock that never goes back.
    func lets(at nowNs: Int) -> Bool {
        if shareNs == 0 { return true }
        var due = dueNs.load(ordering: .relaxed)
        while true {
            let next = max(due, nowNs) + shareNs
            if next - nowNs > 1_000_000_000 { return false }
            let (exchanged, original) = dueNs.compareExchange(expected: due, desired: next, ordering: .relaxed)
            if exchanged { return true }
            due = original
        }
    }
}
