import ArgumentParser

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

    @Argument(help: ArgumentHelp("Their names.", valueName: "name"))
    var names: [String]

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func run() throws {
        let client = try settings.client()
        var failure: StartFailure?
        for name in names {
            do {
                try client.send("DELETE", SegmentClient.path(name))
            } catch let error as StartFailure {
                if let failure { failure.tell() }
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
