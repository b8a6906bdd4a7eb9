import ArgumentParser
import Documents
import MicroHTTP
import Segments

/// `shmgate set`: writes values into a segment, or into a part of it.
struct SetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Write values into a segment, or into a part of it.",
        discussion: """
            The value is JSON: a number that is written everywhere, a list, or what get gives. @file takes it from a file, \
            .npy and .arrow files as what they are; - takes JSON from standard input.

            Examples:
              shmgate set prices --slice 3 1.5
              shmgate set quotes --where 'qty==0' --columns price null
              shmgate set prices @prices.npy
              shmgate set prices --slice 0 7 --if-match "$tag"
            """
    )

    @Argument(
        help: ArgumentHelp("The segment, and perhaps a member of it.", valueName: "name[/member]"),
        completion: .segments
    )
    var name: String

    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("What to write.", valueName: "json|@file|-"))
    var values: [String]

    @OptionGroup(title: "Part")
    var selection: SelectionSettings

    @Option(help: ArgumentHelp("Write only if this is the tag of now, as a request has it.", valueName: "tag"))
    var ifMatch: String?

    @Flag(help: "Print the new tag as JSON.")
    var json = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    // A negative number is none of the options, and so stands among what they leave.
    func validate() throws {
        let stray = values.first { $0.hasPrefix("--") } ?? values.dropFirst().first
        if let stray { throw ValidationError("Unexpected argument '\(stray)'") }
    }

    func run() throws {
        let value = values[0]
        var type = "application/json"
        let body: [UInt8]
        if value == "-" || value.first == "@" {
            let path = value == "-" ? value : String(value.dropFirst())
            body = try LocalFile.whole(path)
            type = FileForm(path: path)?.mediaType ?? type
        } else {
            body = Array(value.utf8)
        }
        var headers = [("Content-Type", type)]
        if let ifMatch { headers.append(("If-Match", ifMatch)) }
        let path = SegmentClient.path(name, "data")
        let answer = try settings.client()
            .send("PATCH", path, selection.parameters, headers: headers, body: body)
        if json, let tag = answer.head["etag"] { try Output.json(.object(["etag": .string(tag)])) }
    }
}
