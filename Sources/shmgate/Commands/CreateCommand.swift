import ArgumentParser
import Documents
import MicroHTTP
import Segments

/// `shmgate create`: a new segment, from the JSON of its layout.
struct CreateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a segment.",
        discussion: """
            Layouts and values are JSON, or files of it with @ before their names.

            Examples:
              shmgate create prices --layout '{"kind": "ndarray", "dtype": "float32", "shape": [3, 5]}' --fill 0
              shmgate create quotes --layout @quotes.json --data @data.json --replace
              shmgate create scratch --layout '{"kind": "bytes", "size": 4096}' --ttl 60
            """
    )

    @Argument(help: ArgumentHelp("Its name.", valueName: "name"))
    var name: String

    @Option(help: ArgumentHelp("Its layout.", valueName: "json|@file"))
    var layout: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What every element is; zero otherwise.", valueName: "json")
    )
    var fill: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What it holds, as get gives it in JSON.", valueName: "json|@file")
    )
    var data: String?

    @Option(help: ArgumentHelp("Its attributes, a JSON object.", valueName: "json|@file"))
    var attrs: String?

    @Option(help: ArgumentHelp("Its permission bits. (default: 0600)", valueName: "octal"))
    var mode: String?

    @Option(help: ArgumentHelp("After so long a gateway unlinks it.", valueName: "seconds"))
    var ttl: Double?

    @Flag(help: "Take the name from the segment that has it.")
    var replace = false

    @Flag(help: "Have gateways give its name back when somebody unlinks it without the protocol.")
    var pinned = false

    @Flag(help: "Refuse writes to it.")
    var readonly = false

    @Flag(help: "Print its description as JSON.")
    var json = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func run() throws {
        var members: [(String, String)] = [("layout", try Value.text(layout))]
        if let fill { members.append(("fill", fill)) }
        if let data { members.append(("data", try Value.text(data))) }
        if let attrs { members.append(("attrs", try Value.text(attrs))) }
        if let ttl { members.append(("ttl", "\(ttl)")) }
        if let mode { members.append(("mode", "\"\(mode)\"")) }
        for (key, flag) in [("replace", replace), ("pinned", pinned), ("readonly", readonly)] where flag {
            members.append((key, "true"))
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("name")
        writer.string(name)
        for (key, text) in members {
            writer.key(key)
            // As it stands, so that no digit is lost; the gateway says what is wrong with it.
            writer.raw(text)
        }
        writer.endObject()
        let body = writer.finish().withUnsafeBytes { Array($0) }
        let type = [("Content-Type", "application/json")]
        let answer = try settings.client().send("POST", "/segments", headers: type, body: body)
        if json { return try Output.json(try SegmentClient.value(of: answer.body)) }
    }
}

/// What stands on a command line in the place of a value.
enum Value {
    /// The text itself, or that of the file that is named behind @.
    static func text(_ argument: String) throws -> String {
        guard argument.first == "@" else { return argument }
        return String(decoding: try LocalFile.whole(String(argument.dropFirst())), as: UTF8.self)
    }
}
