import ArgumentParser
import Documents
import Glibc
import Layouts
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

    @Argument(help: ArgumentHelp("Which ones. (default: all)", valueName: "name"))
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
        var report = TransferReport("saved", json: json)
        var progress = Progress("saving")
        defer { progress.end() }
        for name in wanted {
            progress.advance(report.note(name) { try save(name, segments) })
        }
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
        var report = TransferReport("restored", json: json)
        var progress = Progress("restoring")
        defer { progress.end() }
        for name in wanted {
            progress.advance(report.note(name) { try restore(name, segments) })
        }
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

/// A directory with files that are segments.
struct LocalSegments {
    let directory: SegmentDirectory

    init(_ path: String?) throws {
        Interruption.handle()
        let path = try setting(path, "DIRECTORY", default: "/dev/shm")
        do {
            directory = try SegmentDirectory(path: path)
        } catch {
            throw StartFailure(directory: path, error)
        }
    }

    /// A segment; nil if the name leads to none.
    func segment(_ name: SegmentName) throws -> Segment? {
        do {
            return try directory.load(name)
        } catch SegmentError.noSuchSegment {
            return nil
        }
    }

    /// The names of files that may be segments.
    func names(_ prefix: String) throws -> [SegmentName] {
        try directory.names().filter { $0.description.hasPrefix(prefix) }
    }

    /// A name that somebody gave.
    func name(_ text: String) throws -> SegmentName {
        do {
            return try SegmentName(text)
        } catch {
            throw StartFailure(.badInput, "\(error)")
        }
    }
}

/// What became of several segments, told line by line or as JSON at the end.
struct TransferReport {
    private let verb: String
    private let json: Bool
    private var entries: [JSONValue] = []
    private var bytes = 0
    private var failure: StartFailure?

    init(_ verb: String, json: Bool) {
        self.verb = verb
        self.json = json
    }

    /// Does something with a segment; nil says that there was nothing to do.
    ///
    /// A failure is told and kept for the end. Gives how many bytes were moved.
    mutating func note(_ name: SegmentName, _ body: () throws -> (bytes: Int, remark: String?)?) -> Int {
        do {
            guard let (count, remark) = try body() else { return 0 }
            bytes += count
            var entry: JSONObject = ["name": .string("\(name)"), "bytes": .number(.integer(Int64(count)))]
            if let remark { entry.members.append(.init(name: "remark", value: .string(remark))) }
            entries.append(.object(entry))
            if let remark, !json { StartFailure.warn("\(name) is \(remark)") }
            return count
        } catch {
            let told = StartFailure(segment: name, error)
            told.tell()
            failure = told
            return 0
        }
    }

    /// Prints the report; throws the last failure, which is told already.
    func finish() throws {
        if json {
            try Output.json(.array(entries))
        } else {
            try Output.write("\(verb) \(entries.count) segments, \(Output.size(Int64(bytes)))\n".utf8)
        }
        if let failure { throw ExitCode(failure.cause.rawValue) }
    }
}
