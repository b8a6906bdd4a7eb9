import ArgumentParser
import MicroHTTP
import Segments

/// `shmgate cp`: from a segment into a file, and back.
struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp",
        abstract: "Copy a segment into a file, a file into a segment, or a segment into another.",
        discussion: """
            What has a / in it, or ends with .npy, .arrow, .feather, .csv or .json, is a file; a member of a segment is \
            copied with get. npy holds arrays, arrow series and dataframes. json is what get prints; as a source it is \
            what create takes: an object with layout and data. csv can be written, and not read, for it has no dtypes.

            Examples:
              shmgate cp prices prices.npy
              shmgate cp quotes ./quotes.arrow
              shmgate cp prices.npy prices --replace
              shmgate cp prices prices-backup
            """
    )

    @Argument(help: ArgumentHelp("What is copied.", valueName: "segment|file"))
    var source: String

    @Argument(help: ArgumentHelp("What it becomes.", valueName: "segment|file"))
    var target: String

    @Flag(help: "Replace the segment that has the name of the target.")
    var replace = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func run() throws {
        let client = try settings.client()
        switch (try Self.form(source), try Self.form(target)) {
        case (nil, nil): try copy(client)
        case (nil, .some(let form)): try export(as: form, client)
        case (.some(let form), nil): try load(form, client)
        default: throw ValidationError("Expected a segment on one side at least; use cp of the system for files.")
        }
    }

    /// What a file it is; nil if it is no file.
    private static func form(_ argument: String) throws -> FileForm? {
        guard argument.contains("/") || FileForm(path: argument) != nil else { return nil }
        if let form = FileForm(path: argument) { return form }
        throw ValidationError("Expected a file that ends with .npy, .arrow, .feather, .csv or .json, got \(argument).")
    }

    private func export(as form: FileForm, _ client: SegmentClient) throws {
        try LocalFile.write(target) { file in
            var progress = Progress("copying \(source)")
            try client.exchange("GET", SegmentClient.path(source, "data"), [("format", form.format)]) { head in
                progress.total = head["content-length"].flatMap { Int($0) }
            } receive: { piece in
                try file.append(piece)
                progress.advance(piece.count)
            }
            progress.end()
        }
    }

    private func load(_ form: FileForm, _ client: SegmentClient) throws {
        if form == .csv {
            throw ValidationError("csv says no dtypes: make an .npy or .arrow file of it, with pandas say.")
        }
        let file = try LocalFile.reading(source)
        var progress = Progress("copying \(source)", total: file.count)
        let upload = HTTPClient.Upload(count: file.count) {
            guard let piece = try file.next() else { throw StartFailure(.other, "\(source) became shorter meanwhile") }
            progress.advance(piece.count)
            return piece
        }
        try client.exchange(
            "PUT",
            SegmentClient.path(target),
            replace ? [("replace", "true")] : [],
            headers: [("Content-Type", form.mediaType)],
            body: upload
        ) { _ in }
        progress.end()
    }

    /// A segment into another one.
    private func copy(_ client: SegmentClient) throws {
        let kind = SegmentSummary(try client.json(SegmentClient.path(source))).kind
        let form: FileForm
        switch kind {
        case "ndarray": form = .npy
        case "dataframe": form = .arrow
        default:
            throw ValidationError("Expected an ndarray or a dataframe to copy, got a \(kind); use save and restore.")
        }
        var bytes: [UInt8] = []
        try client.exchange("GET", SegmentClient.path(source, "data"), [("format", form.format)]) { bytes += $0 }
        try client.send(
            "PUT",
            SegmentClient.path(target),
            replace ? [("replace", "true")] : [],
            headers: [("Content-Type", form.mediaType)],
            body: bytes
        )
    }
}
