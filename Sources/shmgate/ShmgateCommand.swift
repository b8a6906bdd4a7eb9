import ArgumentParser
import Gateway
import Glibc
import Segments

/// The program.
@main
struct ShmgateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shmgate",
        abstract: "A gateway over shared memory: self-describing segments in /dev/shm, over HTTP.",
        discussion: """
            Examples:
              shmgate ls
              shmgate get prices --slice 0:10 --format csv
              shmgate watch prices
              shmgate serve
              shmgate serve --listen 127.0.0.1:9000 --directory /dev/shm --threads 4
              shmgate health && echo well
              shmgate token --id dashboard --rights read >> tokens
              shmgate gc --older-than 12h
              shmgate doctor
            """,
        version: Version.current,
        groupedSubcommands: [
            CommandGroup(
                name: "Segments",
                subcommands: [
                    ListCommand.self, ShowCommand.self, CreateCommand.self, GetCommand.self, SetCommand.self,
                    RemoveCommand.self, WatchCommand.self, CopyCommand.self, SaveCommand.self, RestoreCommand.self,
                ]
            ),
            CommandGroup(
                name: "Gateway",
                subcommands: [Serve.self, Health.self, TokenCommand.self, GarbageCollection.self, Doctor.self]
            ),
        ]
    )

    /// Runs what the arguments say; a failure has an exit status of its cause.
    static func main() {
        SystemFile.occupyStandardDescriptors()
        // Who hangs up is an error of a write, and no death.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            // A gateway has its own way to end.
            if !(command is Serve) { Interruption.handle() }
            try command.run()
        } catch let failure as StartFailure {
            failure.tell()
            Glibc.exit(failure.cause.rawValue)
        } catch {
            Self.exit(withError: error)
        }
    }
}
