/// The names that an object has had so far.
struct KeySet {
    private var few: [String] = []
    private var many: Set<ExactName> = []

    /// Adds a name; false if it was there.
    mutating func insert(_ name: String) -> Bool {
        if !many.isEmpty { return many.insert(ExactName(text: name)).inserted }
        if few.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { return false }
        few.append(name)
        // From here on a search of the list would cost more than hashing.
        if few.count == 32 { many = Set(few.map(ExactName.init)) }
        return true
    }
}

/// A name by its bytes, for Swift's strings are equal where only their spelling in Unicode differs.
private struct ExactName: Hashable {
    let text: String

    static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
