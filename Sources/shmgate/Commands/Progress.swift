import Glibc

/// A bar on a terminal for what takes more than a second.
struct Progress {
    /// How many bytes there are in all; nil if nobody knows.
    var total: Int?
    private let what: String
    private let beginning = Progress.now()
    private var done = 0
    private var shownAt = 0.0
    private var isShown = false

    init(_ what: String, total: Int? = nil) {
        self.what = what
        self.total = total
    }

    /// Counts bytes, and shows how many these are by now.
    mutating func advance(_ count: Int) {
        done += count
        let now = Self.now()
        guard isatty(STDERR_FILENO) == 1, now - beginning > 1, now - shownAt > 0.1 else { return }
        shownAt = now
        isShown = true
        show(now)
    }

    /// Takes the bar away.
    func end() {
        if isShown { Self.tell("\r\u{1B}[K") }
    }

    private func show(_ now: Double) {
        let rate = Output.size(Int64(Double(done) / max(now - beginning, 0.001)))
        var line = "\(what): \(Output.size(Int64(done)))"
        if let total, total > 0 {
            let width = 24
            let filled = min(width, width * done / total)
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            line = "\(what) \(bar) \(100 * done / total) % of \(Output.size(Int64(total)))"
        }
        Self.tell("\r\u{1B}[K\(line), \(rate)/s")
    }

    private static func tell(_ text: String) { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }

    private static func now() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
