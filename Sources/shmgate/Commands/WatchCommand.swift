import ArgumentParser

/// `shmgate watch`: a line for everything that happens to a segment, or to all.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Print a line for each change of a segment, or of all.",
        discussion: """
            A line has the time, what happened (create, change, replace, unlink), the name and the sequence; behind them, \
            where a member or a part is asked for, the values. It begins with what happens next. Of several changes at \
            once the last is told. A name that is unlinked is waited for, and a gateway that went away is asked again; of \
            all names, reset says that what happened meanwhile is not known. Ends with 0 after --count, and else when it \
            is interrupted, or nobody reads its lines any more.

            Examples:
              shmgate watch prices
              shmgate watch quotes/columns/price --slice -1 --interval 0.5
              shmgate watch --prefix feed- --json | jq -r .name
              shmgate watch prices --count 1 && echo written
            """
    )

    @Argument(
        help: ArgumentHelp("The segment, and perhaps a member of it. (default: all)", valueName: "name[/member]"),
        completion: .segments
    )
    var name: String?

    @OptionGroup(title: "Part")
    var selection: SelectionSettings

    @Option(help: ArgumentHelp("Only names that begin with this, of all.", valueName: "prefix"))
    var prefix: String?

    @Option(help: ArgumentHelp("At least so long between two lines.", valueName: "seconds"))
    var interval: Double = 0

    @Option(help: ArgumentHelp("End after so many lines.", valueName: "n"))
    var count: Int?

    @Flag(help: "Print each event as a JSON object on a line.")
    var json = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func validate() throws {
        guard (0...3_600).contains(interval) else {
            throw ValidationError("Expected 0 to 3600 seconds for --interval, got \(interval).")
        }
        if let count, count < 1 { throw ValidationError("Expected at least 1 for --count, got \(count).") }
        if name != nil, prefix != nil { throw ValidationError("Expected a name or --prefix, got both.") }
        if name == nil, !selection.parameters.isEmpty {
            throw ValidationError("Expected a name, for a part is one of a segment.")
        }
    }

    func run() throws {
        var parameters = selection.parameters
        var path = "/events"
        var segment: String?
        if let name {
            let parts = SegmentClient.parts(of: name)
            path = SegmentClient.path(parts.segment, "events")
            segment = parts.segment
            if let member = parts.member { parameters.append(("member", member)) }
        } else if let prefix {
            parameters.append(("prefix", prefix))
        }
        parameters.append(("interval", "\(Int(interval * 1_000))"))
        var left = count
        var follower = EventFollower(try settings.client(), path, parameters)
        Output.endsWithItsReader()
        try follower.follow { event in
            let line = EventLine(event, of: segment)
            if json { try Output.json(line.json) } else { try Output.write("\(line.text)\n".utf8) }
            left = left.map { $0 - 1 }
            if left == 0 { throw ExitCode.success }
        }
    }
}
