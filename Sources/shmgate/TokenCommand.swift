import ArgumentParser
import Gateway
import Glibc

/// `shmgate token`: makes a token, and the line of it for the file.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make a token, and its line for the file of --tokens.",
        discussion: """
            Standard output has the line, which holds a salted hash and no secret; standard error has the token, which \
            is shown this once. Rights: read, write, create, unlink, admin. Names that do not begin with the prefix \
            are not there for it.

            Examples:
              shmgate token --id dashboard --rights read >> tokens
              shmgate token --id feed --rights read,write,create,unlink --prefix feed- >> tokens
              kill -HUP $(pidof shmgate)    # the gateway reads the file again
            """
    )

    @Option(help: ArgumentHelp("Who it is for, as the log will say it.", valueName: "name"))
    var id: String

    @Option(help: ArgumentHelp("What it may do, with commas between.", valueName: "rights"))
    var rights: String = "read"

    @Option(help: ArgumentHelp("What the names begin with. (default: all names)", valueName: "prefix"))
    var prefix = ""

    func run() throws {
        guard let rights = Rights(rights) else {
            throw ValidationError("Expected rights of \(Rights.all.text) with commas between, got \(self.rights).")
        }
        let made = BearerToken.make(id: id, rights: rights, prefix: prefix)
        do {
            _ = try AccessControl(tokens: made.line + "\n", requestsPerSecond: 0)
        } catch {
            throw ValidationError("Expected \(error.expected).")
        }
        let note = "token for \(id), shown this once: \(made.token)\n"
        _ = note.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        print(made.line)
    }
}
