internal import Synchronization

/// A count that any thread may change.
final class Counter: Sendable {
    private let value = Atomic(0)

    /// The count of now.
    var current: Int { value.load(ordering: .sequentiallyConsistent) }

    /// Changes it.
    func add(_ difference: Int) { value.add(difference, ordering: .sequentiallyConsistent) }
}
