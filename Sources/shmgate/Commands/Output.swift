import Documents
import Glibc
import MicroHTTP

/// What commands print.
enum Output {
    /// Whether standard output is a terminal that wants colours.
    static let hasColours = isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nil && !isDumb

    private static var isDumb: Bool { getenv("TERM").map { String(cString: $0) } == "dumb" }

    /// How many columns the terminal has; 80 if there is none.
    static var width: Int {
        TerminalText.columns(of: STDOUT_FILENO) ?? getenv("COLUMNS").flatMap { Int(String(cString: $0)) } ?? 80
    }

    /// Text in a colour of the terminal, where there are some.
    static func coloured(_ text: String, _ code: Int) -> String {
        hasColours ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    /// Writes bytes to standard output, all of them.
    static func write(_ bytes: some Collection<UInt8>) throws {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // Who has read enough, as head does, has read enough.
            if count < 0, errno == EPIPE { exit(0) }
            guard count > 0 else {
                let cause: StartFailure.Cause = errno == ENOSPC ? .outOfSpace : .other
                throw StartFailure(cause, "Cannot write standard output: \(String(cString: strerror(errno)))")
            }
            done += count
        }
    }

    /// Prints a JSON document on a line.
    static func json(_ value: JSONValue) throws { try write("\(text(value))\n".utf8) }

    /// A JSON document as text.
    static func text(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return writer.finish().withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// Has the process end, with 0, when who reads its output has gone, also while there is nothing to write.
    static func endsWithItsReader() {
        _ = PlatformThread.start(name: "shmgate-output") {
            // Errors are told unasked; a file or a terminal has none of them.
            var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            while poll(&output, 1, -1) <= 0 {}
            _exit(0)
        }
    }

    /// Prints columns, each as wide as its widest field; the first row is their names.
    static func table(_ rows: [[String]], rightAligned: Set<Int> = []) throws {
        guard let names = rows.first else { return }
        let widths = names.indices.map { column in rows.map { TerminalText.width($0[column]) }.max() ?? 0 }
        for (number, row) in rows.enumerated() {
            // Nothing stands behind the last field that says something.
            let last = row.lastIndex { !$0.isEmpty } ?? 0
            let fields = row[...last].enumerated().map { column, field in
                if rightAligned.contains(column) { return TerminalText.right(field, widths[column]) }
                return column == last ? field : TerminalText.left(field, widths[column])
            }
            let line = fields.joined(separator: "  ")
            try write("\(number == 0 ? coloured(line, 1) : line)\n".utf8)
        }
    }

    /// A number of bytes for people: `60 B`, `1.5 MiB`.
    static func size(_ bytes: Int64) -> String {
        var value = Double(bytes)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 { return unit == "B" ? "\(bytes) B" : "\(rounded(value)) \(unit)" }
            value /= 1024
        }
        return "\(rounded(value)) TiB"
    }

    private static func rounded(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return value < 10 ? "\(tenths / 10).\(tenths % 10)" : "\(Int(value.rounded()))"
    }
}
