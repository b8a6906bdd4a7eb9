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
            signal(SIGPIPE, SIG_IGN)
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
    @Option(help: ArgumentHelp("Positions, as NumPy has them between brackets: 0:10, ::2,-1.", valueName: "slice"))
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

    /// The parameters of a query.
    func parameters() throws -> [(String, String)] {
        var parameters: [(String, String)] = []
        if let slice { parameters.append(("slice", slice)) }
        for text in sel {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw ValidationError("Expected dim=labels for --sel, got \(text).")
            }
            parameters.append(("sel.\(text[..<equals])", String(text[text.index(after: equals)...])))
        }
        if let method { parameters.append(("method", method)) }
        if let columns { parameters.append(("columns", columns)) }
        for condition in self.where { parameters.append(("where", condition)) }
        return parameters
    }
}
