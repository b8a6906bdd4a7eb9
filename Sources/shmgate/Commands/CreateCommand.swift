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
            Layouts and values are JSON, or files of it with @ before their names; @- is standard input.

            Examples:
              shmgate create load --layout '{"kind":"ndarray","dtype":"f4","shape":[9]}'
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
        help: ArgumentHelp("What every element is; zero otherwise.", valueName: "json|@file")
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

    func validate() throws {
        if let ttl, !ttl.isFinite { throw ValidationError("Expected a number of seconds for --ttl, got \(ttl).") }
    }

    func run() throws {
        var json = JSONWriter()
        json.beginObject()
        json.key("name")
        json.string(name)
        for (key, argument) in [("layout", layout), ("fill", fill), ("data", data), ("attrs", attrs)] {
            guard let argument else { continue }
            let text = try Self.value(argument, of: key)
            json.key(key)
            // As it stands, so that no digit is lost.
            text.withUnsafeBytes { json.raw($0) }
        }
        if let ttl {
            json.key("ttl")
            json.double(ttl)
        }
        if let mode {
            json.key("mode")
            json.string(mode)
        }
        for (key, flag) in [("replace", replace), ("pinned", pinned), ("readonly", readonly)] where flag {
            json.key(key)
            json.bool(true)
        }
        json.endObject()
        let body = json.finish().withUnsafeBytes { Array($0) }
        let type = [("Content-Type", "application/json")]
        let answer = try settings.client().send("POST", "/segments", headers: type, body: body)
        if self.json { try Output.write(answer.body + [UInt8(ascii: "\n")]) }
    }

    /// The JSON of an option, or of the file that is named behind @.
    private static func value(_ argument: String, of option: String) throws -> [UInt8] {
        let text = argument.first == "@" ? try LocalFile.whole(String(argument.dropFirst())) : Array(argument.utf8)
        do {
            try text.withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                _ = try reader.skip()
                try reader.finish()
            }
        } catch {
            throw StartFailure(.badInput, "--\(option): \(error)")
        }
        return text
    }
}
