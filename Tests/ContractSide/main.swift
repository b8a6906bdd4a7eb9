// What a Swift program does with segments, for the contract tests of Tests/Interop: each call is a process of its own.
import Glibc
import Layouts
import Segments

private let usage = """
    usage: ContractSide create DIRECTORY NAME LAYOUT-JSON [ATTRS-JSON]
           ContractSide read DIRECTORY NAME          all that it holds, as one JSON object
           ContractSide write DIRECTORY NAME         lines "path hex" from the input, as one write
           ContractSide wait DIRECTORY NAME AFTER    the next sequence

    """

do {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.count >= 3 else { throw Failure(usage) }
    let directory = try SegmentDirectory(path: words[1])
    let name = words[2]
    switch (words[0], words.count) {
    case ("create", 4...5):
        let options = CreationOptions(attributes: words.count == 5 ? words[4] : "{}")
        _ = try SharedObject.create(name, LayoutNode(json: words[3]), in: directory, options: options)
    case ("read", 3): print(try SharedObject.load(name, in: directory).report())
    case ("write", 3): print(try SharedObject.load(name, in: directory).writeLines())
    case ("wait", 4):
        guard let seen = UInt64(words[3]) else { throw Failure("expected a sequence, got \(words[3])") }
        let segment = try SharedObject.load(name, in: directory).segment
        guard let sequence = try segment.wait(after: seen, until: .after(milliseconds: 60_000)) else {
            throw Failure("nothing was written within a minute")
        }
        print(sequence)
    default: throw Failure(usage)
    }
} catch {
    let text = Array("\(error)\n".utf8)
    _ = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(1)
}
