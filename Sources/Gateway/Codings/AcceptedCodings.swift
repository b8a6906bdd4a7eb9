internal import Codings

/// What `Accept-Encoding` says about the codings of an answer.
struct AcceptedCodings {
    private var qualities: [String: Double] = [:]
    private let isThere: Bool

    /// Reads the lines of the field.
    init(_ lines: [String]) {
        isThere = !lines.isEmpty
        for entry in lines.flatMap({ $0.split(separator: ",") }) {
            var parts = entry.split(separator: ";").map(\.trimmed).makeIterator()
            guard let word = parts.next()?.lowercased(), !word.isEmpty else { continue }
            var quality = 1.0
            while let parameter = parts.next() {
                if parameter.lowercased().hasPrefix("q=") {
                    quality = Double(parameter.dropFirst(2)).flatMap { (0...1).contains($0) ? $0 : nil } ?? 0
                }
            }
            qualities[word == "x-gzip" ? "gzip" : word] = quality
        }
    }

    /// Whether an answer may come as it is: always, unless the client says no.
    var allowsIdentity: Bool { (qualities["identity"] ?? qualities["*"] ?? 1) > 0 }

    /// The coding that the client likes best, zstd before gzip; nil if it likes none, or none better than none.
    var best: Coding? {
        var best: (coding: Coding, quality: Double)?
        for coding in [Coding.zstd, .gzip] {
            let quality = qualities[coding.rawValue] ?? qualities["*"] ?? 0
            if quality > best?.quality ?? 0 { best = (coding, quality) }
        }
        guard let best, best.quality >= qualities["identity"] ?? 0 else { return nil }
        return best.coding
    }
}
