import ArgumentParser
import MicroHTTP

/// `shmgate health`: asks a running gateway whether it is ready; for health checks of containers.
struct Health: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a running gateway whether it is ready.",
        discussion: """
            Exits with 0 if it is, with 1 if it is not or cannot be reached.

            Examples:
              shmgate health
              shmgate health --listen 127.0.0.1:9000
            """
    )

    @Option(
        help: ArgumentHelp(
            "Where the gateway listens. (default: SHMGATE_LISTEN, else 127.0.0.1:8080)",
            valueName: "host:port"
        )
    )
    var listen: ListenAddress?

    func run() throws {
        let address = try setting(listen, "LISTEN", default: defaultAddress())
        do {
            let status = try HealthCheck.status(of: address.reachable, path: "/readyz")
            guard status == 200 else { throw StartFailure(description: "the gateway at \(address) answered \(status)") }
            print("ready")
        } catch {
            throw StartFailure(description: "not ready: \(error)")
        }
    }
}

extension ListenAddress {
    /// The address to connect to where a gateway listens on all.
    var reachable: ListenAddress {
        switch host {
        case "0.0.0.0": ListenAddress("127.0.0.1:\(port)") ?? self
        case "::": ListenAddress("[::1]:\(port)") ?? self
        default: self
        }
    }
}
