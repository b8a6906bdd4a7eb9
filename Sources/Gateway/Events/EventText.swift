internal import Documents
internal import Segments

/// The text of a server-sent event, as the HTML standard has it: fields in lines, then an empty one.
struct EventText: ~Copyable {
    private var bytes = ByteBuffer(capacity: 256)

    /// Begins an event of a type; the client says its id when it comes back.
    init(_ type: StaticString, id: String?) {
        if let id { bytes.append("id: \(id)\n") }
        bytes.append("event: ")
        bytes.append(type)
        bytes.append("\ndata: ")
    }

    /// Adds members of a JSON object; texts of ours have no line breaks.
    mutating func data(_ body: (inout JSONWriter) -> Void) {
        var json = JSONWriter(capacity: 128)
        body(&json)
        json.finish().withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// Ends it.
    consuming func finish() -> [UInt8] {
        bytes.append("\n\n")
        return bytes.withUnsafeBytes { Array($0) }
    }
}

extension EntityTag {
    /// The tag without its quotes, as ids of events have it.
    var id: String { "\(uuid)-\(sequence)" }
}
