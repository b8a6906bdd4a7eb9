import ArgumentParser
import Gateway
import Glibc
import MicroHTTP
import Segments

/// Who is asked who he is.
struct AccessSettings: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Ask for tokens, a line each in this file, as `shmgate token` makes them; read again on SIGHUP. (default: \
            nobody is asked)
            """,
            valueName: "path"
        )
    )
    var tokens: String?

    @Option(
        help: ArgumentHelp(
            "Requests of one token in a second, as many at once; 0 for no limit. (default: 0)",
            valueName: "n"
        )
    )
    var rateLimit: Int?

    @Flag(help: "Allow listening beyond this machine although nobody is asked who he is.")
    var insecure = false

    /// The file of the tokens; nil for none.
    func path() throws -> String? {
        let path = try setting(tokens, "TOKENS", default: "")
        return path.isEmpty ? nil : path
    }

    /// Reads the tokens.
    ///
    /// Beyond this machine there have to be some, unless the operator says that he means it.
    func start(listening address: ListenAddress) throws -> AccessControl {
        let rate = try setting(rateLimit, "RATE_LIMIT", default: 0)
        guard (0...1_000_000).contains(rate) else {
            throw ValidationError("Expected 0 to 1000000 for --rate-limit, got \(rate).")
        }
        guard let path = try path() else {
            if rate > 0 { throw ValidationError("--rate-limit counts the requests of each token: say --tokens, too.") }
            let isInsecure = try insecure || setting(nil, "INSECURE", default: false)
            guard address.isLoopback || isInsecure else {
                throw ValidationError(
                    "Refusing to listen on \(address) without --tokens: everybody who reaches the port could read and "
                        + "change every segment. Name a file of tokens, listen on 127.0.0.1, or say --insecure."
                )
            }
            return .open
        }
        do {
            let access = try AccessControl(tokens: SmallFile.whole(path), requestsPerSecond: rate)
            guard access.tokenCount > 0 else {
                throw StartFailure(description: "Expected a token in \(path), it has none: nobody could do anything.")
            }
            return access
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure(description: "Cannot use the tokens of \(path): \(error)")
        }
    }

    /// Reads the tokens again; those of now stay where they cannot be read.
    ///
    /// Gives a line for the log.
    func reread(into access: AccessControl) -> (isBad: Bool, text: String) {
        do {
            guard let path = try path() else { return (false, "nothing to read again: there are no tokens") }
            try access.replace(tokens: SmallFile.whole(path))
            return (false, "read \(access.tokenCount) tokens again")
        } catch {
            return (true, "cannot read the tokens again, those of before stay: \(error)")
        }
    }
}
