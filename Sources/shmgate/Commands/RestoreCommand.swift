import ArgumentParser
import Layouts
import Segments

/// `shmgate restore`: makes segments again of what was saved.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make segments again of what save has saved.",
        discussion: """
            A name that is taken is left alone unless --replace says otherwise; what has expired meanwhile stays where it \
            is. All that can be made are; the exit status is that of the last failure.

            Examples:
              shmgate restore /var/backups/shm
              shmgate restore backup prices --replace
            """
    )

    @Argument(help: ArgumentHelp("Where from.", valueName: "directory"), completion: .directory)
    var source: String

    @Argument(help: ArgumentHelp("Which ones. (default: all)", valueName: "name"))
    var names: [String] = []

    @Flag(help: "Replace segments that have the names.")
    var replace = false

    @Flag(help: "Have gateways give the names back when somebody unlinks them without the protocol.")
    var pinned = false

    @Flag(help: "Print what was restored as one JSON array.")
    var json = false

    @Option(
        help: ArgumentHelp("The segments. (default: SHMGATE_DIRECTORY, else /dev/shm)", valueName: "path"),
        completion: .directory
    )
    var directory: String?

    func run() throws {
        let segments = try LocalSegments(directory)
        let saved = try LocalSegments(source)
        let wanted = try names.isEmpty ? saved.names("") : names.map { try saved.name($0) }
        var report = TransferReport("restoring", "restored", json: json)
        for name in wanted { report.note(name) { try restore(name, segments) } }
        try report.finish()
    }

    /// Makes one again; nil if its time is over.
    private func restore(_ name: SegmentName, _ segments: LocalSegments) throws -> (bytes: Int, remark: String?)? {
        let file = try SavedSegment("\(source)/\(name)", named: name)
        if file.hasExpired { return nil }
        _ = try SegmentHeader(reading: file.header, dataOffset: file.dataOffset, totalBytes: file.totalBytes)
        try file.publish(
            in: segments.directory,
            as: name,
            replacing: replace,
            pinned: pinned,
            until: .after(milliseconds: 10_000)
        )
        return (file.totalBytes, nil)
    }
}
