import ArgumentParser
import MicroHTTP

/// What clients may take of the gateway, however slow, silent or many they are.
struct ClientLimits: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Open connections; one more is answered 503. (default: 4096, or half of the file descriptors)",
            valueName: "n"
        )
    )
    var maxConnections: Int?

    @Option(
        help: ArgumentHelp(
            """
            Open connections from one address, or one /64 network of IPv6; 0 for no limit. (default: half of \
            --max-connections, and no limit on loopback, where everybody has the same address)
            """,
            valueName: "n"
        )
    )
    var maxConnectionsPerAddress: Int?

    @Option(
        help: ArgumentHelp(
            "The largest header block of a request, 1KiB to 256KiB. (default: 30KiB)",
            valueName: "bytes"
        )
    )
    var maxHeader: ByteCount?

    @Option(
        help: ArgumentHelp(
            """
            So long a connection may be silent, a header block take, and a client pause in sending a body or reading an \
            answer. (default: 60)
            """,
            valueName: "seconds"
        )
    )
    var idleTimeout: Int?

    @Option(
        help: ArgumentHelp(
            """
            Bytes per second: a body that comes slower on the average, or an answer that is read slower, is a pause; 0 \
            takes the slowest. (default: 1KiB)
            """,
            valueName: "bytes"
        )
    )
    var minRate: ByteCount?

    /// Takes flags and environment into the configuration of a server that may have so many files open.
    func apply(to configuration: inout Server.Configuration, descriptors: Int, isLocalOnly: Bool) throws {
        configuration.maxConnections = try number(
            "max-connections",
            setting(maxConnections, "MAX_CONNECTIONS", default: min(4_096, max(descriptors / 2, 16))),
            1...1_000_000
        )
        configuration.maxConnectionsPerAddress = try number(
            "max-connections-per-address",
            setting(
                maxConnectionsPerAddress,
                "MAX_CONNECTIONS_PER_ADDRESS",
                default: isLocalOnly ? 0 : max(1, configuration.maxConnections / 2)
            ),
            0...1_000_000
        )
        configuration.maxHeaderBytes = try number(
            "max-header",
            setting(maxHeader, "MAX_HEADER", default: ByteCount(configuration.maxHeaderBytes)).value,
            1 << 10...256 << 10
        )
        configuration.idleSeconds = Double(
            try number(
                "idle-timeout",
                setting(idleTimeout, "IDLE_TIMEOUT", default: Int(configuration.idleSeconds)),
                1...86_400
            )
        )
        configuration.minBytesPerSecond = Double(
            try setting(minRate, "MIN_RATE", default: ByteCount(Int(configuration.minBytesPerSecond))).value
        )
    }

    private func number(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws -> Int {
        guard range.contains(value) else {
            throw ValidationError("Expected \(range.lowerBound) to \(range.upperBound) for --\(name), got \(value).")
        }
        return value
    }
}
