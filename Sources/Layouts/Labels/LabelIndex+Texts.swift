package import Segments

extension LabelIndex {
    /// How many code points the longest text has; reads every label.
    ///
    /// What is no UTF-8 counts as its replacement.
    package func longestText() throws(SegmentError) -> Int {
        guard case .texts(let count, _) = contents.labels else { return 0 }
        var longest = 0
        for position in 0..<count { longest = max(longest, try string(at: position).unicodeScalars.count) }
        return longest
    }

    /// The text at a position, with U+FFFD in place of what is no UTF-8.
    package func string(at position: Int) throws(SegmentError) -> String {
        String(decoding: try utf8(at: position), as: UTF8.self)
    }
}
