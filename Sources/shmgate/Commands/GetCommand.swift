import ArgumentParser
import Glibc
import MicroHTTP
import Segments

/// `shmgate get`: the data of a segment, or of a part of it.
struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print the data of a segment, or of a part of it.",
        discussion: """
            A member is named behind the segment: quotes/columns/price. Formats: json, csv, npy, raw, arrow, arrow-file.

            Examples:
              shmgate get prices --slice 0:10 --format csv
              shmgate get quotes --where 'price>100' --columns price,qty
              shmgate get load --sel index=2024-01 -f arrow-file -o january.arrow
              shmgate get ticks --max-points 1000
            """
    )

    @Argument(
        help: ArgumentHelp("The segment, and perhaps a member of it.", valueName: "name[/member]"),
        completion: .segments
    )
    var name: String

    @OptionGroup(title: "Part")
    var selection: SelectionSettings

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("The representation.", valueName: "format"),
        completion: .list(["json", "csv", "npy", "raw", "arrow", "arrow-file"])
    )
    var format = "json"

    @Option(help: ArgumentHelp("At most so many rows, with every spike among them.", valueName: "n"))
    var maxPoints: Int?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Write to a file. (default: standard output)", valueName: "path"),
        completion: .file()
    )
    var output: String?

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func validate() throws {
        if output == nil, ["npy", "raw", "arrow", "arrow-file"].contains(format), isatty(STDOUT_FILENO) == 1 {
            throw ValidationError("\(format) is for programs: name a file with --output, or pipe it into one.")
        }
    }

    func run() throws {
        var parameters = selection.parameters + [("format", format)]
        if let maxPoints { parameters.append(("max_points", "\(maxPoints)")) }
        let client = try settings.client()
        if let output {
            try client.download(name, parameters, to: output, as: "reading")
            return
        }
        try client.read(name, parameters) { try Output.write($0) }
        if format == "json" { try Output.write("\n".utf8) }
    }
}
