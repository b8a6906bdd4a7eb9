import ArgumentParser
import Documents

/// `shmgate rm`: takes names away.
struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Unlink segments; who has mapped them keeps what he has.",
        discussion: """
            All that can be unlinked are, also where one cannot; the exit status is that of the last failure.

            Examples:
              shmgate rm prices quotes
              shmgate ls --names tmp- | xargs shmgate rm
            """
    )

    @Argument(help: ArgumentHelp("Their names.", valueName: "name"), completion: .segments)
    var names: [String]

    @Flag(help: "Print the names that are gone as one JSON array.")
    var json = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func run() throws {
        let client = try settings.client()
        var gone: [JSONValue] = []
        var failure: StartFailure?
        for name in names {
            do {
                try client.send("DELETE", SegmentClient.path(name))
                gone.append(.string(name))
            } catch let error as StartFailure {
                if let failure { failure.tell() }
                failure = error
            }
        }
        if json { try Output.json(.array(gone)) }
        if let failure { throw failure }
    }
}
