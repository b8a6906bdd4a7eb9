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
        if tokens == nil, getenv("SHMGATE_TOKENS") == nil { return nil }
        let path = try setting(tokens, "TOKENS", default: "")
        // A variable of a script that was never set must not open the gateway to everybody.
        if path.isEmpty { throw ValidationError("Expected the path of a file for --tokens, got nothing.") }
        return path
    }

    /// Reads the tokens, if there are to be some.
    func start(needsCertificates: Bool) throws -> AccessControl {
        let rate = try setting(rateLimit, "RATE_LIMIT", default: 0)
        guard (0...1_000_000).contains(rate) else {
            throw ValidationError("Expected 0 to 1000000 for --rate-limit, got \(rate).")
        }
        guard let path = try path() else {
            if rate > 0 { throw ValidationError("--rate-limit counts the requests of each token: say --tokens, too.") }
            return needsCertificates ? .certificates : .open
        }
        do {
            return try AccessControl(
                tokens: Self.text(of: path),
                requestsPerSecond: rate,
                needsCertificates: needsCertificates
            )
        } catch {
            var cause = StartFailure.Cause.badConfiguration
            if let error = error as? SystemError { cause = error.code == EACCES ? .notPermitted : .missing }
            throw StartFailure(cause, "Cannot use the tokens of \(path): \(error)")
        }
    }

    /// Refuses to listen beyond this machine where nobody is asked who he is, unless the operator says that he means it.
    func requireSome(_ access: AccessControl, _ addresses: [String]) throws {
        let isInsecure = try insecure || setting(nil, "INSECURE", default: false)
        guard !access.asks, !isInsecure else { return }
        throw ValidationError(
            "Refusing to listen on \(addresses.joined(separator: ", ")) without --tokens: everybody who reaches the port "
                + "could read and change every segment. Name a file of tokens, listen on 127.0.0.1, or say --insecure."
        )
    }

    /// The text of the file, which not everybody may write to.
    private static func text(of path: String) throws -> String {
        let (text, mode) = try SmallFile.whole(path)
        if mode & 0o002 == 0 { return text }
        throw StartFailure(
            .badConfiguration,
            "expected a file that not every user may write to, its mode is \(octal(mode))"
        )
    }

    private static func octal(_ mode: UInt32) -> String { "0" + String(mode, radix: 8) }

    /// Reads the tokens again; those of now stay where they cannot be read.
    ///
    /// Gives a line for the log; nil if there are none.
    func reread(into access: AccessControl) -> (isBad: Bool, text: String)? {
        do {
            guard let path = try path() else { return nil }
            try access.replace(tokens: Self.text(of: path))
            return (false, "read \(access.tokenCount) tokens again")
        } catch {
            return (true, "cannot read the tokens again, those of before stay: \(error)")
        }
    }
}
