import ArgumentParser
import Glibc
import MicroHTTP
import Segments

/// Where a running gateway is, for the commands that ask it.
struct GatewaySettings: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where a gateway of this machine listens. (default: SHMGATE_LISTEN, else 127.0.0.1:8080)",
            valueName: "address"
        )
    )
    var listen: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "A gateway anywhere: http://host:port, https://host:port or unix:path. (default: SHMGATE_URL)",
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

    /// Whether somebody said where it is.
    var isNamed: Bool { listen != nil || url != nil }

    /// A client that asks it; the token of the environment goes along if it is wanted.
    ///
    /// At the other end of an address that `serve` takes, too, is this machine: its certificate may be for another name,
    /// and is not asked who it is, as it is not without TLS. The gateway of a URL has to be the one that it names.
    func client(sendsToken: Bool) throws -> HTTPClient {
        try Self.client(listen: listen, url: url, ca: ca, sendsToken: sendsToken, seconds: 5)
    }

    /// The same of values that were said elsewhere; waits at most so long for each step.
    static func client(
        listen: ListenAddress?,
        url: GatewayURL?,
        ca: String?,
        sendsToken: Bool,
        seconds: Int
    ) throws -> HTTPClient {
        let token = sendsToken ? getenv("SHMGATE_TOKEN").map { String(cString: $0) } : nil
        let headers = token.map { [("Authorization", "Bearer \($0)")] } ?? []
        let named = getenv("SHMGATE_URL") == nil || listen != nil ? url : try setting(url, "URL", default: .local)
        guard let named else {
            let first = try listen ?? ListenSettings.ofEnvironment()?.first ?? defaultAddress()
            let isSecure = getenv("SHMGATE_TLS_CERT").map { $0.pointee != 0 } ?? false
            return HTTPClient(
                .address(first.reachable, trust: isSecure ? .anybody : nil),
                headers: headers,
                seconds: seconds
            )
        }
        var trust: ClientTrust? = named.isSecure ? .system : nil
        let path = try setting(ca, "CA", default: "")
        if named.isSecure, !path.isEmpty {
            do {
                trust = .authorities(try SmallFile.whole(path).text)
            } catch {
                throw StartFailure(.missing, "Cannot read \(path): \(error)")
            }
        }
        return HTTPClient(.address(named.address, trust: trust), headers: headers, seconds: seconds)
    }
}

/// `http://host:port`, `https://host:port` or `unix:path`; a port that is left out is the scheme's own.
struct GatewayURL: ExpressibleByArgument {
    let address: ListenAddress
    let isSecure: Bool

    static let local = GatewayURL(address: defaultAddress(), isSecure: false)

    init(address: ListenAddress, isSecure: Bool) {
        self.address = address
        self.isSecure = isSecure
    }

    init?(argument: String) {
        for (scheme, port, isSecure) in [("http://", 80, false), ("https://", 443, true)] {
            guard argument.hasPrefix(scheme) else { continue }
            var authority = argument.dropFirst(scheme.count)
            if authority.last == "/" { authority.removeLast() }
            let hasPort = authority.last == "]" ? false : authority.contains(":")
            guard let address = ListenAddress(hasPort ? String(authority) : "\(authority):\(port)"), !address.isUnix
            else { return nil }
            self.init(address: address, isSecure: isSecure)
            return
        }
        guard let address = ListenAddress(argument), address.isUnix else { return nil }
        self.init(address: address, isSecure: false)
    }
}
