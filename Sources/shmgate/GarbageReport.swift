import Documents
import Segments

/// What `shmgate gc` found and did.
struct GarbageReport {
    /// A segment that was found, and what became of it.
    private struct Entry {
        let orphan: Orphan
        var outcome: Outcome
    }

    private enum Outcome: Equatable {
        case listed
        case removed
        case kept(Keeping)
    }

    private let directory: String
    private let age: Age
    private let gaps: [ProcessSurvey.Gap]
    private let nowNs = Clock.unixNs()
    private var entries: [Entry]
    /// How many segments are kept, and why.
    private var kept: [Keeping: Int]

    init(_ search: OrphanSearch, directory: String, olderThan age: Age) {
        self.directory = directory
        self.age = age
        gaps = search.gaps
        kept = search.kept
        entries = search.orphans.map { Entry(orphan: $0, outcome: .listed) }
    }

    /// Whether one that should have been removed is still there.
    var hasFailed: Bool {
        entries.contains { if case .kept = $0.outcome { true } else { false } }
    }

    /// Whether one that is old enough stays because not everybody could be looked at.
    var hasUnknown: Bool { kept[.unknown] != nil }

    /// Removes what was found, each if it still is what it was.
    mutating func remove(in segments: SegmentDirectory) throws {
        for index in entries.indices {
            if let reason = try segments.remove(entries[index].orphan, until: .after(milliseconds: 200)) {
                entries[index].outcome = .kept(reason)
                kept[reason, default: 0] += 1
            } else {
                entries[index].outcome = .removed
            }
        }
    }

    /// Prints a table for people.
    func printText() {
        if !entries.isEmpty {
            let width = max(4, entries.map { $0.orphan.name.description.utf8.count }.max() ?? 0)
            print(padded("NAME", width), padded("SIZE", 14), padded("MODIFIED", 12), "WHY")
            for entry in entries {
                let orphan = entry.orphan
                print(
                    padded(orphan.name.description, width),
                    padded("\(orphan.totalBytes)", 14),
                    padded(Self.span(ageSeconds(of: orphan)), 12),
                    why(entry)
                )
            }
        }
        let bytes = entries.reduce(0) { $0 + $1.orphan.totalBytes }
        let removed = entries.filter { $0.outcome == .removed }
        if entries.contains(where: { $0.outcome == .listed }) {
            print("\(entries.count) orphans older than \(age.text), \(bytes) bytes; none removed, say --yes for that")
        } else if entries.isEmpty {
            print("no orphans older than \(age.text) in \(directory)")
        } else {
            print("\(removed.count) removed, \(removed.reduce(0) { $0 + $1.orphan.totalBytes }) bytes")
        }
        let counts = Keeping.allCases.compactMap { reason in kept[reason].map { "\($0) \(reason.rawValue)" } }
        if !counts.isEmpty { print("kept: \(counts.joined(separator: ", "))") }
        for gap in gaps { print("not everybody could be looked at: \(gap)") }
    }

    /// Prints one object for programs.
    func printJSON() {
        var json = JSONWriter()
        json.beginObject()
        json.key("directory")
        json.string(directory)
        json.key("older_than_seconds")
        json.integer(age.seconds)
        json.key("orphans")
        json.beginArray()
        for entry in entries {
            let orphan = entry.orphan
            json.beginObject()
            json.key("name")
            json.string(orphan.name.description)
            json.key("uuid")
            json.string(orphan.uuid.description)
            json.key("size")
            json.integer(Int64(orphan.totalBytes))
            json.key("age_seconds")
            json.integer(ageSeconds(of: orphan))
            json.key("why")
            json.string(why(entry))
            json.key("removed")
            json.bool(entry.outcome == .removed)
            json.endObject()
        }
        json.endArray()
        json.key("kept")
        json.beginObject()
        for reason in Keeping.allCases {
            guard let count = kept[reason] else { continue }
            json.key(reason.rawValue)
            json.integer(Int64(count))
        }
        json.endObject()
        json.key("gaps")
        json.beginArray()
        for gap in gaps { json.string(gap.description) }
        json.endArray()
        json.endObject()
        print(json.finish().withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    }

    private func ageSeconds(of orphan: Orphan) -> Int64 { (nowNs - orphan.modifiedNs) / 1_000_000_000 }

    private func why(_ entry: Entry) -> String {
        switch entry.outcome {
        case .listed: "nobody maps it"
        case .removed: "nobody mapped it; removed"
        case .kept(let reason): "kept: \(reason.rawValue) by now"
        }
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    /// A span in its two largest units.
    private static func span(_ seconds: Int64) -> String {
        let units: [(String, Int64)] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
        guard let first = units.firstIndex(where: { seconds >= $0.1 }) else { return "0s" }
        let (name, unit) = units[first]
        let rest = first + 1 < units.count ? seconds % unit / units[first + 1].1 : 0
        return "\(seconds / unit)\(name)" + (rest > 0 ? " \(rest)\(units[first + 1].0)" : "")
    }
}
