import ArgumentParser
import Documents
import Glibc
import MicroHTTP
import Segments

/// `shmgate doctor`: looks at the directory, its surroundings and a running gateway, and says what to do.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look whether shared memory, its surroundings and a running gateway are well.",
        discussion: """
            Prints a line for each thing: ok, warn or fail, what was found, what is expected, and what to do. A gateway \
            that answers is asked to create a small segment, to write, read and remove it again; SHMGATE_TOKEN is sent \
            as its bearer token. That none answers is a warning, and a failure if --listen or --url says where one is.

            Exit status: 0 if nothing failed, 1 if something did, 64 for wrong usage.

            Examples:
              shmgate doctor
              shmgate doctor --directory /dev/shm --listen 127.0.0.1:9000
              SHMGATE_TOKEN=secret shmgate doctor --json
            """
    )

    @Option(
        help: ArgumentHelp(
            "The directory of the segments. (default: SHMGATE_DIRECTORY, else /dev/shm)",
            valueName: "path"
        )
    )
    var directory: String?

    @OptionGroup
    var gateway: GatewaySettings

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let path = try setting(directory, "DIRECTORY", default: "/dev/shm")
        let client = try gateway.client(sendsToken: true)
        var findings: [Finding] = []
        var segments: SegmentDirectory?
        do {
            let opened = try SegmentDirectory(path: path)
            segments = opened
            findings += Surroundings(of: path).findings() + DirectoryHealth(opened).findings()
        } catch {
            findings.append(
                .fail(
                    "directory",
                    "\(path) cannot be used: \(error)",
                    expected: "a directory that this user may read",
                    advice: "say another with --directory"
                )
            )
        }
        let probe = GatewayProbe(client, isExpected: gateway.isNamed, directory: segments)
        findings += probe.findings() + LimitsProbe(client: client).findings()
        if json { printJSON(findings) } else { printText(findings) }
        if findings.contains(where: { $0.level == .fail }) { throw ExitCode(1) }
    }

    private func printText(_ findings: [Finding]) {
        for finding in findings {
            print("\(finding.level.rawValue.padded(4))  \(finding.subject): \(finding.found)")
            if let expected = finding.expected { print("      expected: \(expected)") }
            if let advice = finding.advice { print("      to do: \(advice)") }
        }
    }

    private func printJSON(_ findings: [Finding]) {
        var json = JSONWriter()
        json.beginObject()
        json.key("level")
        json.string((findings.map(\.level).max() ?? .ok).rawValue)
        json.key("findings")
        json.beginArray()
        for finding in findings {
            json.beginObject()
            json.key("level")
            json.string(finding.level.rawValue)
            json.key("subject")
            json.string(finding.subject)
            json.key("found")
            json.string(finding.found)
            if let expected = finding.expected {
                json.key("expected")
                json.string(expected)
            }
            if let advice = finding.advice {
                json.key("advice")
                json.string(advice)
            }
            json.endObject()
        }
        json.endArray()
        json.endObject()
        print(json.finish().withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    }
}

extension String {
    /// It with spaces behind it, up to a width.
    fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - utf8.count)) }
}
