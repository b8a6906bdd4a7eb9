import ArgumentParser
import Segments

/// `shmgate save`: segments into the files of a directory, where a reboot does not reach them.
struct SaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save",
        abstract: "Save segments into a directory on a disk.",
        discussion: """
            Each is one file of its name, exactly as the segment, and of one moment; a file that is there is replaced when \
            the new one is whole. Reads the directory itself, never a gateway.

            Examples:
              shmgate save /var/backups/shm
              shmgate save backup prices quotes
              shmgate save backup --prefix feed-
            """
    )

    @Argument(help: ArgumentHelp("Where to; made if it is not there.", valueName: "directory"), completion: .directory)
    var target: String

    @Argument(help: ArgumentHelp("Which ones. (default: all)", valueName: "name"), completion: .segments)
    var names: [String] = []

    @Option(help: ArgumentHelp("Only names that begin with this.", valueName: "prefix"))
    var prefix = ""

    @Flag(help: "Print what was saved as one JSON array.")
    var json = false

    @Option(
        help: ArgumentHelp("The segments. (default: SHMGATE_DIRECTORY, else /dev/shm)", valueName: "path"),
        completion: .directory
    )
    var directory: String?

    func run() throws {
        let segments = try LocalSegments(directory)
        let wanted = try names.isEmpty ? segments.names(prefix) : names.map { try segments.name($0) }
        do {
            try SystemFile.makeDirectory(target)
        } catch {
            throw StartFailure(file: target, "make the directory", error)
        }
        var report = TransferReport("saving", "saved", json: json)
        for name in wanted { report.note(name) { try save(name, segments) } }
        try report.finish()
    }

    /// Saves one; nil if all were asked for and it is none, or is gone.
    private func save(_ name: SegmentName, _ segments: LocalSegments) throws -> (bytes: Int, remark: String?)? {
        guard let segment = try segments.segment(name) else {
            if names.isEmpty { return nil }
            throw SegmentError.noSuchSegment(name.description)
        }
        let snapshot = try segment.save(to: "\(target)/\(name)", until: .after(milliseconds: 10_000))
        return (segment.totalBytes, snapshot.isDamaged ? "damaged" : nil)
    }
}
