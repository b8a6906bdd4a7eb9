import ArgumentParser
import Gateway

/// The program.
@main
struct ShmgateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shmgate",
        abstract: "A gateway over shared memory: self-describing segments in /dev/shm, over HTTP.",
        discussion: """
            Examples:
              shmgate serve
              shmgate serve --listen 127.0.0.1:9000 --directory /dev/shm --threads 4
              shmgate health && echo well
              shmgate token --id dashboard --rights read >> tokens
              shmgate gc --older-than 12h
              shmgate doctor
            """,
        version: Version.current,
        subcommands: [Serve.self, Health.self, TokenCommand.self, GarbageCollection.self, Doctor.self]
    )
}
