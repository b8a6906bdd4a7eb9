/// One line of what a doctor says.
package struct Finding: Sendable, Equatable {
    /// How bad it is.
    package enum Level: String, Sendable, Comparable {
        case ok
        /// It works today, and may surprise somebody.
        case warn
        /// It does not work.
        case fail

        /// The worse is the greater.
        package static func < (one: Level, other: Level) -> Bool { one.rank < other.rank }

        private var rank: Int { self == .ok ? 0 : self == .warn ? 1 : 2 }
    }

    /// How bad it is.
    package let level: Level
    /// What was looked at, a word or two that stay the same.
    package let subject: String
    /// What was found.
    package let found: String
    /// What was expected; nil where all is well.
    package let expected: String?
    /// What to do about it; nil where all is well.
    package let advice: String?

    /// All is well.
    package static func ok(_ subject: String, _ found: String) -> Finding {
        Finding(level: .ok, subject: subject, found: found, expected: nil, advice: nil)
    }

    /// It works today.
    package static func warn(_ subject: String, _ found: String, expected: String, advice: String) -> Finding {
        Finding(level: .warn, subject: subject, found: found, expected: expected, advice: advice)
    }

    /// It does not work.
    package static func fail(_ subject: String, _ found: String, expected: String, advice: String) -> Finding {
        Finding(level: .fail, subject: subject, found: found, expected: expected, advice: advice)
    }
}

/// A number of bytes for people.
package func readable(_ bytes: Int) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
    guard let (name, shift) = units.first(where: { bytes >= 1 << $0.1 }) else { return "\(bytes) bytes" }
    let tenths = bytes / (1 << shift) * 10 + bytes % (1 << shift) * 10 / (1 << shift)
    return tenths % 10 == 0 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
}
