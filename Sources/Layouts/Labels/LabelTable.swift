/// Labels without an order, by a hash: where each occurs first, and from each to the next that is equal.
///
/// The labels are not copied: the table has positions, and the keys are read from the segment when they are compared.
struct LabelTable: Sendable {
    /// Whether no label occurs twice.
    let isUnique: Bool
    /// Positions plus one, at the place that the hash says or behind it; 0 is free.
    private let slots: [UInt32]
    /// For each position the next one with the same label, plus one; empty where labels are unique.
    private let next: [UInt32]

    /// Reads every label of an index once.
    init(of index: LabelIndex) throws {
        let count = index.count
        guard count < Int(UInt32.max) / 2 else {
            throw LayoutError.invalidQuery("expected labels in order, or fewer than \(UInt32.max / 2) of them")
        }
        var capacity = 16
        while capacity < count * 2 { capacity *= 2 }
        var slots = [UInt32](repeating: 0, count: capacity)
        var next: [UInt32] = []
        var last: [UInt32: UInt32] = [:]
        try index.forEachKey { position, key in
            var slot = Self.hash(key) & (capacity - 1)
            while slots[slot] != 0 {
                let first = slots[slot]
                if try index.key(at: Int(first) - 1) == key {
                    if next.isEmpty { next = [UInt32](repeating: 0, count: count) }
                    next[Int(last[first] ?? first) - 1] = UInt32(position) + 1
                    last[first] = UInt32(position) + 1
                    return
                }
                slot = (slot + 1) & (capacity - 1)
            }
            slots[slot] = UInt32(position) + 1
        }
        self.slots = slots
        self.next = next
        isUnique = next.isEmpty
    }

    /// Every position of a label, in order.
    func positions(of key: LabelKey, in index: LabelIndex) throws -> [Int] {
        var slot = Self.hash(key) & (slots.count - 1)
        while slots[slot] != 0 {
            let first = Int(slots[slot]) - 1
            if try index.key(at: first) == key {
                var positions = [first]
                while !next.isEmpty, let last = positions.last, next[last] != 0 {
                    positions.append(Int(next[last]) - 1)
                }
                return positions
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return []
    }

    /// Spreads keys over the table, in every process in another way, so that nobody can choose labels that collide.
    private static func hash(_ key: LabelKey) -> Int {
        var hasher = Hasher()
        switch key {
        case .number(let value): hasher.combine(value)
        case .text(let bytes): bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
        return hasher.finalize()
    }
}
