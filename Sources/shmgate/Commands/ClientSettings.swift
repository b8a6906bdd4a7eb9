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

    /// Whether a gateway is to be asked.
    private var isRemote: Bool { url != nil || getenv("SHMGATE_URL") != nil && directory == nil }

    /// A client of the gateway, or of one in this process that serves nobody else.
    ///
    /// The latter looks after nothing: it gives no names back, and ends no segments.
    func client() throws -> SegmentClient {
        if isRemote {
            let client = try GatewaySettings.client(listen: nil, url: url, ca: ca, sendsToken: true, seconds: 60)
            return SegmentClient(client)
        }
        let path = try setting(directory, "DIRECTORY", default: "/dev/shm")
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
