import ArgumentParser
import Gateway
import Glibc
import MicroHTTP
import Segments

/// Whose segments a command is about: those of a directory of this machine, or those of a gateway.
struct ClientSettings: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Ask a gateway: http://host:port, https://host:port or unix:path, with the token of SHMGATE_TOKEN. (default: \
            SHMGATE_URL, else no gateway but the directory itself)
            """,
            valueName: "url"
        )
    )
    var url: GatewayURL?

    @Option(
        help: ArgumentHelp(
            "Believe certificates of these authorities, in PEM. (default: those that the system knows)",
            valueName: "path"
        )
    )
    var ca: String?

    @Option(
        help: ArgumentHelp(
            "The directory of the segments. (default: SHMGATE_DIRECTORY, else /dev/shm)",
            valueName: "path"
        )
    )
    var directory: String?

    /// The directory; nil if a gateway is to be asked.
    var isRemote: Bool { url != nil || getenv("SHMGATE_URL") != nil && directory == nil }

    /// The path of the directory.
    func path() throws -> String { try setting(directory, "DIRECTORY", default: "/dev/shm") }

    /// A client of the gateway, or of one in this process that serves nobody else.
    ///
    /// The latter looks after nothing: it gives no names back, and ends no segments.
    func client() throws -> SegmentClient {
        Interruption.handle()
        if isRemote {
            let client = try GatewaySettings.client(listen: nil, url: url, ca: ca, sendsToken: true, seconds: 60)
            return SegmentClient(client)
        }
        let path = try path()
        do {
            let service = try GatewayService(
                directory: SegmentDirectory(path: path),
                configuration: .init(maxBodyBytes: .max / 4, uploadMemoryBytes: .max / 4, isKeeper: false)
            )
            var configuration = Server.Configuration(listen: [], threads: 1)
            configuration.workers = 2
            let server = Server(configuration: configuration, service: service) { _, _ in }
            try server.start()
            return SegmentClient(HTTPClient(.inside(server), seconds: 60))
        } catch let error as ServerError {
            throw StartFailure(error)
        } catch {
            throw StartFailure(directory: path, error)
        }
    }
}

/// Which part of a segment: what a request has in its query.
struct SelectionSettings: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Positions, as NumPy has them between brackets: 0:10, ::2,-1.", valueName: "slice")
    )
    var slice: String?

    @Option(
        help: ArgumentHelp(
            "Labels of a dimension: index=b, time=2024-01..2024-03, x=[1,3]; once for each.",
            valueName: "dim=labels"
        )
    )
    var sel: [String] = []

    @Option(help: ArgumentHelp("How a label is found that is not there: nearest, ffill, bfill.", valueName: "how"))
    var method: String?

    @Option(help: ArgumentHelp("Columns of a dataframe: a,b.", valueName: "names"))
    var columns: String?

    @Option(
        help: ArgumentHelp("Rows that satisfy a condition, such as 'price>100'; once for each.", valueName: "condition")
    )
    var `where`: [String] = []

    func validate() throws {
        if let text = sel.first(where: { Self.label($0) == nil }) {
            throw ValidationError("Expected dim=labels for --sel, got \(text).")
        }
    }

    /// The parameters of a query.
    var parameters: [(String, String)] {
        let labels = sel.compactMap(Self.label).map { ("sel.\($0)", $1) }
        let others = [("slice", slice), ("method", method), ("columns", columns)].compactMap { key, value in
            value.map { (key, $0) }
        }
        return others + labels + self.where.map { ("where", $0) }
    }

    /// The dimension and the labels of `dim=labels`.
    private static func label(_ text: String) -> (String, String)? {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else { return nil }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}
