internal import Documents
internal import Segments

/// What happens to all names that a client may see, for one client.
final class NameFeed: EventFeed {
    private let log: NameLog
    private let listener: StreamListener
    /// All up to here was told, but for names that moved on meanwhile; they are told behind it.
    private var told: Int
    /// Where the client knew all, and which names it was told of since, up to which version.
    private var knewAll: Int
    private var toldSince: [SegmentName: Int] = [:]
    /// Whether the client asks for what nobody remembers.
    private var owesReset = false
    /// So many events are given out at once.
    private static let most = 128

    /// Begins behind an id of an event, or now; the listener is one of the log's.
    init(_ log: NameLog, behind id: String?, _ listener: StreamListener) {
        self.log = log
        self.listener = listener
        let now = log.version
        (told, knewAll) = (now, now)
        guard let id else { return }
        let words = id.split(separator: ".", omittingEmptySubsequences: false)
        if words.count == 2, words[0] == log.id, let version = Int(words[1]), (0...now).contains(version),
            log.entries(behind: version, most: 0) != nil
        {
            (told, knewAll) = (version, version)
        } else {
            owesReset = true
        }
    }

    deinit { log.remove(listener) }

    /// The id of what was told last.
    var id: String { "\(log.id).\(told)" }

    func next() -> FedEvent {
        if owesReset {
            owesReset = false
            var text = EventText("reset", id: id)
            text.data {
                $0.beginObject()
                $0.endObject()
            }
            return .event(text.finish(), nil)
        }
        while true {
            guard let found = log.entries(behind: told, most: Self.most) else { return .end }
            let isMore = found.count == Self.most
            var (bytes, count): ([UInt8], Int) = ([], 0)
            for (name, entry) in found {
                let known = toldSince[name] ?? knewAll
                told = entry.version
                toldSince[name] = told
                guard let type = Self.type(of: entry, behind: known) else { continue }
                bytes += event(type, name, entry)
                count += 1
            }
            if !isMore { (knewAll, toldSince) = (told, [:]) }
            if count > 0 { return .events(bytes, count: count, isMore: isMore) }
            if !isMore { return .nothing }
        }
    }

    /// What to call it for a client that was told all up to a version; nil if the name came and went unseen.
    private static func type(of entry: NameLog.Entry, behind told: Int) -> StaticString? {
        let wasThere = entry.existsSince <= told
        if entry.tag == nil { return wasThere ? "unlink" : nil }
        if entry.beganAt <= told { return "change" }
        if wasThere { return "replace" }
        if let before = entry.before, before.existedSince <= told, told < before.goneAt { return "replace" }
        return "create"
    }

    private func event(_ type: StaticString, _ name: SegmentName, _ entry: NameLog.Entry) -> [UInt8] {
        var text = EventText(type, id: id)
        text.data { json in
            json.beginObject()
            json.key("name")
            json.string(name.description)
            json.key("uuid")
            json.string("\(entry.uuid)")
            if let tag = entry.tag {
                json.key("sequence")
                json.unsigned(tag.sequence)
            }
            json.endObject()
        }
        return text.finish()
    }
}
