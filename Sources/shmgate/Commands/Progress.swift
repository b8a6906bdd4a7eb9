import Glibc
import Segments

/// A bar on a terminal for what takes more than a second.
struct Progress {
    /// How many bytes there are in all; nil if nobody knows.
    var total: Int?
    private let what: String
    private let beginNs = Clock.monotonicNs()
    private var done = 0
    private var shownNs: Int64?

    init(_ what: String, total: Int? = nil) {
        self.what = what
        self.total = total
    }

    /// Counts bytes, and shows how many these are by now.
    mutating func advance(_ count: Int) {
        done += count
        let now = Clock.monotonicNs()
        guard now - (shownNs ?? beginNs + 900_000_000) > 100_000_000, isatty(STDERR_FILENO) == 1 else { return }
        shownNs = now
        let state = ", \(state), \(Output.size(Int64(Double(done) / Double(now - beginNs) * 1e9)))/s"
        let width = (TerminalText.columns(of: STDERR_FILENO) ?? 80) - 1
        Self.tell("\r\u{1B}[K\(TerminalText.cut(what, max(10, width - TerminalText.width(state))))\(state)")
    }

    /// Takes the bar away.
    func end() {
        if shownNs != nil { Self.tell("\r\u{1B}[K") }
    }

    private var state: String {
        guard let total, total > 0 else { return Output.size(Int64(done)) }
        let filled = min(Self.width, Self.width * done / total)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        return "\(bar) \(100 * done / total) % of \(Output.size(Int64(total)))"
    }

    private static let width = 24

    private static func tell(_ text: String) { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }
}
