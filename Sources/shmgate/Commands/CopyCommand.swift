import ArgumentParser
import Documents
import MicroHTTP
import Segments

/// `shmgate cp`: from a segment into a file, and back.
struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp",
        abstract: "Copy a segment into a file, a file into a segment, or a segment into another.",
        discussion: """
            What has a / in it, or ends with .npy, .arrow, .feather, .csv or .json, is a file; a member of a segment is \
            copied with get. npy holds arrays, arrow series and dataframes, csv these and arrays of two dimensions. json \
            is what get prints; as a source it is what create takes: an object with layout and data. A segment that \
            becomes another keeps layout, attributes and values.

            Of csv a dataframe is made, as pandas reads it: integers, floats, bools, and else texts as wide as the \
            longest; dates in ISO 8601 become datetime64[ns], those with an offset in UTC. Labels are a first column \
            without a name, or --index. With --no-header an array is made.

            Examples:
              shmgate cp prices prices.npy
              shmgate cp quotes ./quotes.arrow
              shmgate cp prices.npy prices --replace
              shmgate cp trades.csv trades --index time
              shmgate cp prices prices-backup
            """
    )

    @Argument(help: ArgumentHelp("What is copied.", valueName: "segment|file"), completion: .segmentsAndFiles)
    var source: String

    @Argument(help: ArgumentHelp("What it becomes.", valueName: "segment|file"), completion: .segmentsAndFiles)
    var target: String

    @Flag(help: "Replace the segment that has the name of the target.")
    var replace = false

    @Option(help: ArgumentHelp("The column of a csv file that has the labels.", valueName: "name"))
    var index: String?

    @Flag(help: "The csv file has no line of names.")
    var noHeader = false

    @Flag(help: "Print what was made as JSON: the description of a segment, the path and the size of a file.")
    var json = false

    @OptionGroup(title: "Where")
    var settings: ClientSettings

    func validate() throws {
        let forms = (try Self.form(source), try Self.form(target))
        if forms.0 != nil, forms.1 != nil {
            throw ValidationError("Expected a segment on one side at least; use cp of the system for files.")
        }
        if forms.0 != .csv, index != nil || noHeader {
            throw ValidationError("--index and --no-header are for csv files that are copied into segments.")
        }
        if index != nil, noHeader {
            throw ValidationError("--index is one of the names, which --no-header says there are not.")
        }
    }

    func run() throws {
        let client = try settings.client()
        switch (try Self.form(source), try Self.form(target)) {
        case (nil, nil): try copy(client)
        case (nil, .some(let form)): try export(as: form, client)
        case (.csv, nil): try loadCSV(client)
        case (.some(let form), _): try load(form, client)
        }
    }

    /// What a file it is; nil if it is no file.
    private static func form(_ argument: String) throws -> FileForm? {
        guard argument.contains("/") || FileForm(path: argument) != nil else { return nil }
        if let form = FileForm(path: argument) { return form }
        throw ValidationError("Expected a file that ends with .npy, .arrow, .feather, .csv or .json, got \(argument).")
    }

    private func export(as form: FileForm, _ client: SegmentClient) throws {
        let count = try client.download(source, [("format", form.format)], to: target, as: "copying")
        if json { try Output.json(.object(["path": .string(target), "bytes": .number(.integer(Int64(count)))])) }
    }

    private func load(_ form: FileForm, _ client: SegmentClient) throws {
        let (count, next) = try LocalFile.reading(source)
        try put(count, form, client, next: next)
    }

    private func loadCSV(_ client: SegmentClient) throws {
        let bytes = try LocalFile.whole(source)
        let order: [UInt8]
        do {
            let table = try CSVTable(bytes)
            order = try noHeader ? CSVOrder.array(table) : CSVOrder.frame(table, index: index)
        } catch {
            throw StartFailure(.badInput, "\(source): \(error)")
        }
        try put(order, .json, client)
    }

    /// Makes the segment of a body that lies in memory.
    private func put(_ body: [UInt8], _ form: FileForm, _ client: SegmentClient) throws {
        var place = 0
        try put(body.count, form, client) {
            let piece = body[place..<min(place + 1 << 20, body.count)]
            place = piece.endIndex
            return Array(piece)
        }
    }

    /// Makes the segment of a body that comes in pieces.
    private func put(_ count: Int, _ form: FileForm, _ client: SegmentClient, next: () throws -> [UInt8]) throws {
        var progress = Progress("copying \(source)", total: count)
        defer { progress.end() }
        var description: [UInt8] = []
        try withoutActuallyEscaping(next) { next in
            let upload = HTTPClient.Upload(count: count) {
                let piece = try next()
                progress.advance(piece.count)
                return piece
            }
            try client.exchange(
                "PUT",
                SegmentClient.path(target),
                replace ? [("replace", "true")] : [],
                headers: [("Content-Type", form.mediaType)],
                body: upload
            ) { description += $0 }
        }
        if json { try Output.write(description + [UInt8(ascii: "\n")]) }
    }

    /// A segment into another one.
    private func copy(_ client: SegmentClient) throws {
        let (form, bytes) = try SegmentCopy(client: client, name: source).body()
        try put(bytes, form, client)
    }
}
