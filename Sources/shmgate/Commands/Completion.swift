import ArgumentParser
import Documents
import Segments

/// What a shell completes.
extension CompletionKind {
    /// Names of segments, of where the line says that they are.
    static let segments = custom { words, _, prefix in names(words, prefix) }

    /// Names of segments and of files.
    static let segmentsAndFiles = custom { words, _, prefix in names(words, prefix) + SystemFile.paths(prefix) }

    private static func names(_ words: [String], _ prefix: String) -> [String] {
        guard let settings = try? ClientSettings.parse(options(words)), let client = try? settings.client(),
            case .object(let page)? = try? client.json("/segments", [("prefix", prefix)]),
            case .array(let segments)? = page["segments"]
        else { return [] }
        return segments.map { SegmentSummary($0).name }
    }

    /// The options of a line that say where segments are.
    private static func options(_ words: [String]) -> [String] {
        var options: [String] = []
        for name in ["--url", "--ca", "--directory"] {
            if let place = words.lastIndex(of: name), place + 1 < words.count { options += [name, words[place + 1]] }
            if let word = words.last(where: { $0.hasPrefix("\(name)=") }) { options.append(word) }
        }
        return options
    }
}
