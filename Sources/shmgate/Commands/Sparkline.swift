/// Numbers as a row of blocks.
enum Sparkline {
    private static let blocks = Array("▁▂▃▄▅▆▇█")

    /// At most `width` blocks, from the least number to the greatest; blank where there is none, nil if there is none at
    /// all.
    static func text(_ numbers: [Double?], width: Int) -> String? {
        // Halves, for of two doubles the difference need not be one.
        let halves = numbers.map { $0.map { $0 / 2 } }
        guard let least = halves.compactMap(\.self).min(), let greatest = halves.compactMap(\.self).max() else {
            return nil
        }
        let count = min(width, halves.count)
        let blocks = (0..<count).map { column -> Character in
            let some = halves[(column * halves.count / count)..<((column + 1) * halves.count / count)].compactMap(
                \.self
            )
            // The one that is farthest from the middle, so that spikes stay.
            let distance = { (half: Double) in max(half - least, greatest - half) }
            guard let half = some.max(by: { distance($0) < distance($1) }) else { return " " }
            let share = greatest > least ? (half - least) / (greatest - least) : 0.5
            return Self.blocks[min(7, Int(share * 8))]
        }
        return String(blocks)
    }
}
