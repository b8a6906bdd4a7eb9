import ArgumentParser
import Documents

/// `shmgate ls`: the segments there are.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List segments.",
        discussion: """
            Examples:
              shmgate ls
              shmgate ls feed-
              shmgate ls --names | xargs -n 1 shmgate show
              shmgate ls --json --url http://data.example.org:8080
            """
    )

    @Argument(help: ArgumentHelp("Only names that begin with this.", valueName: "prefix"), completion: .segments)
    var prefix = ""

    @Flag(help: "Print names alone, one on a line.")
    var names = false

    @Flag(help: "Print the descriptions as one JSON array.")
    var json = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func run() throws {
        let segments = try Self.descriptions(settings.client(), prefix: prefix)
        if json { return try Output.json(.array(segments)) }
        let summaries = segments.map(SegmentSummary.init)
        if names { return try Output.write(summaries.map { "\($0.name)\n" }.joined().utf8) }
        var rows = [["NAME", "KIND", "DTYPE", "SHAPE", "SIZE", "WRITES", "MODIFIED (UTC)", ""]]
        for segment in summaries {
            rows.append([
                segment.name, segment.kind, segment.dtype, segment.shape, Output.size(segment.bytes),
                "\(max(segment.sequence / 2 - 1, 0))", segment.modified, segment.marks.joined(separator: " "),
            ])
        }
        try Output.table(rows, rightAligned: [4, 5])
    }

    /// The descriptions of all segments with a prefix, page by page.
    static func descriptions(_ client: SegmentClient, prefix: String) throws -> [JSONValue] {
        var segments: [JSONValue] = []
        var after: String?
        repeat {
            let parameters = [("prefix", prefix)] + (after.map { [("after", $0)] } ?? [])
            guard case .object(let page) = try client.json("/segments", parameters),
                case .array(let some)? = page["segments"]
            else { throw StartFailure(.other, "expected a list of segments, got something else") }
            segments += some
            after = page.text("next")
        } while after != nil
        return segments
    }
}
