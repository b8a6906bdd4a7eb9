import Glibc

/// Text as a terminal shows it.
enum TerminalText {
    /// Blocks of Unicode whose characters are two columns wide: Chinese, Japanese, Korean and their full-width forms.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD,
    ]

    /// How many columns the terminal has that a descriptor leads to; nil if it leads to none.
    static func columns(of descriptor: Int32) -> Int? {
        var size = winsize()
        return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
    }

    /// Text without what a terminal would obey.
    static func visible(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "·" : Character($0) })
    }

    /// How many columns text takes.
    static func width(_ text: String) -> Int {
        text.reduce(0) { width, character in
            guard let scalar = character.unicodeScalars.first else { return width }
            let isWide = scalar.properties.isEmojiPresentation || wide.contains { $0.contains(scalar.value) }
            return width + (isWide ? 2 : 1)
        }
    }

    /// Text of at most so many columns, and what of it is visible.
    static func cut(_ text: String, _ columns: Int) -> String {
        var text = visible(text)
        if width(text) <= columns { return text }
        while !text.isEmpty, width(text) >= columns { text.removeLast() }
        return text + "…"
    }

    /// Text at the right of so many columns.
    static func right(_ text: String, _ columns: Int) -> String { padding(text, columns) + text }

    /// Text at the left of so many columns.
    static func left(_ text: String, _ columns: Int) -> String { text + padding(text, columns) }

    private static func padding(_ text: String, _ columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - width(text)))
    }
}
