import ArgumentParser
import Segments

/// `shmgate gc`: removes segments that nobody maps and nobody has written to for long; no server takes part.
struct GarbageCollection: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "List, and with --yes remove, old segments that nobody maps.",
        discussion: """
            A segment at rest is the normal state, so the age has no default. It counts from the last write. Kept are \
            segments that are younger, mapped by a process other than shmgate, pinned, of other users, unreadable, or \
            whose lock somebody holds, and all that are not mapped where not every process could be looked at \
            (other users' processes, a container's own pid namespace).

            Exit status:
              0   done; what was to be removed is removed
              1   the directory cannot be read
              2   with --yes: one that was listed is still there (busy, changed, or attached meanwhile)
              3   old enough segments were kept because not every process could be looked at
              64  wrong usage

            Examples:
              shmgate gc --older-than 12h
              shmgate gc --older-than 30d --prefix tmp- --yes
              shmgate gc --older-than 15m --directory /dev/shm --json
            """
    )

    @Option(
        help: ArgumentHelp(
            "Only segments whose last write is older than this: 90s, 15m, 12h, 30d.",
            valueName: "age"
        )
    )
    var olderThan: Age

    @Option(
        help: ArgumentHelp(
            "The directory of the segments. (default: SHMGATE_DIRECTORY, else /dev/shm)",
            valueName: "path"
        )
    )
    var directory: String?

    @Option(help: ArgumentHelp("Only segments whose names begin with this.", valueName: "prefix"))
    var prefix = ""

    @Flag(help: "Remove them; without it they are only listed.")
    var yes = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let path = try setting(directory, "DIRECTORY", default: "/dev/shm")
        var report: GarbageReport
        do {
            let segments = try SegmentDirectory(path: path)
            let search = try segments.orphans(olderThan: olderThan.seconds, prefix: prefix)
            report = GarbageReport(search, directory: path, olderThan: olderThan)
            if yes { try report.remove(in: segments) }
        } catch {
            throw StartFailure(directory: path, error)
        }
        if json { report.printJSON() } else { report.printText() }
        if report.hasFailed { throw ExitCode(2) }
        if report.hasUnknown { throw ExitCode(3) }
    }
}

/// A time span as people write it: `90s`, `15m`, `12h`, `30d`.
struct Age: ExpressibleByArgument {
    let text: String
    let seconds: Int64

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let last = argument.last, let unit = units[last] else { return nil }
        let digits = argument.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int64(digits),
            number <= 36_500 * 86_400 / unit
        else { return nil }
        text = argument
        seconds = number * unit
    }
}
