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
              shmgate health --url https://data.example.org --ca authority.pem
              shmgate health --url unix:/run/shmgate/shmgate.sock
            """
    )

    @OptionGroup
    var gateway: GatewaySettings

    func run() throws {
        let client = try gateway.client(sendsToken: false)
        do {
            let status = try client.send("GET", "/readyz").status
            guard status == 200 else {
                throw StartFailure(.other, "the gateway at \(client.address) answered \(status)")
            }
            print("ready")
        } catch {
            throw StartFailure(.other, "not ready: \(error)")
        }
    }
}
