/// Something that reads bytes of a stranger, with what has to hold whatever these are.
///
/// The fuzzer and the test that replays the corpus run the same ones. A target is used by one thread at a time.
package protocol FuzzTarget {
    /// Reads the bytes and checks what came of it; the error is a finding.
    func run(_ bytes: [UInt8]) throws
}

/// The words for the targets; each has a corpus of that name.
package let fuzzTargets = ["arrow", "header", "journal", "request", "segment"]

/// The target of a name, or nil if there is none of it.
///
/// Its files are in `folder`, which stays the caller's.
package func fuzzTarget(_ name: String, folder: String) throws -> (any FuzzTarget)? {
    switch name {
    case "arrow": try ArrowTarget()
    case "header": HeaderTarget()
    case "journal": try JournalTarget(folder: folder)
    case "request": try RequestTarget()
    case "segment": try SegmentTarget(folder: folder)
    default: nil
    }
}

/// What a target found.
struct Finding: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Throws a finding unless `holds`.
func require(_ holds: Bool, _ text: @autoclosure () -> String) throws {
    if !holds { throw Finding(text()) }
}
