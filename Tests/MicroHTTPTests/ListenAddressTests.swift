import MicroHTTP
import Testing

/// Where a server may listen.
@Suite struct ListenAddressTests {
    @Test(
        "an address is read and written",
        arguments: ["127.0.0.1:8080", "localhost:0", "[::1]:65535", "[::]:1", "0.0.0.0:80", "example.org:443"]
    )
    func reads(text: String) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.description == text)
        guard case .tcp(let host, _) = address else {
            Issue.record("expected a host")
            return
        }
        #expect(!host.contains("["))
    }

    @Test("a file of a socket is an address that only this machine reaches", arguments: ["/run/a.sock", "a", "/é:1"])
    func unix(path: String) throws {
        let address = try #require(ListenAddress("unix:\(path)"))
        #expect(address == .unix(path: path) && address.description == "unix:\(path)")
        #expect(address.isUnix && address.isLocal && address.reachable == address)
    }

    @Test("where a server listens on all addresses it is asked on loopback")
    func reachable() throws {
        for (all, one) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.0.0.1:3", "10.0.0.1:3")] {
            #expect(try #require(ListenAddress(all)).reachable.description == one)
        }
    }

    @Test(
        "what is no address is none",
        arguments: [
            "", ":", ":80", "unix:", "unix:a\u{0}b", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
            "127.0.0.1:+1", "::1:80",
            "[]:80",
            "[::1]", "[::1:80", "::1]:80", "127.0.0.1:http", "127.0.0.1: 80",
        ]
    )
    func refuses(text: String) { #expect(ListenAddress(text) == nil) }

    @Test(
        "only this machine reaches what is loopback",
        arguments: [
            ("127.0.0.1:1", true), ("127.1.2.3:1", true), ("localhost:1", true), ("[::1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false), ("example.org:1", false), ("127.example.org:1", false),
            ("127.0.0.1.example.org:1", false), ("127.1:1", true), ("[0:0:0:0:0:0:0:1]:1", true),
            ("128.0.0.1:1", false), ("[::2]:1", false), ("[1::1]:1", false), ("[fe80::1]:1", false),
        ]
    )
    func loopback(text: String, isLoopback: Bool) throws {
        #expect(try #require(ListenAddress(text)).isLocal == isLoopback)
    }

    @Test("a server answers on IPv6 and is asked for its health")
    func ipv6() throws {
        try withServer { configuration in
            guard let address = ListenAddress("[::1]:0") else { return }
            configuration.listen = [address]
        } _: { server in
            let address = try #require(ListenAddress("[::1]:\(server.server.port)"))
            #expect(try HealthCheck.status(of: address, path: "/echo") == 200)
            #expect(try HealthCheck.status(of: address, path: "/refuse") == 403)
        }
    }
}
