import ArgumentParser
import Documents
import Segments

/// What becomes of several segments: a bar while it does, failures as they come, and a line or JSON at the end.
struct TransferReport {
    private let verb: String
    private let json: Bool
    private var entries: [JSONValue] = []
    private var bytes = 0
    private var failure: StartFailure?
    private var progress: Progress

    /// Of what is being done, and has been done in the end.
    init(_ doing: String, _ done: String, json: Bool) {
        progress = Progress(doing)
        verb = done
        self.json = json
    }

    /// Does something with a segment; nil says that there was nothing to do.
    ///
    /// A failure is told and kept for the end.
    mutating func note(_ name: SegmentName, _ body: () throws -> (bytes: Int, remark: String?)?) {
        do {
            guard let (count, remark) = try body() else { return }
            progress.advance(count)
            bytes += count
            var entry: JSONObject = ["name": .string("\(name)"), "bytes": .number(.integer(Int64(count)))]
            if let remark { entry.members.append(.init(name: "remark", value: .string(remark))) }
            entries.append(.object(entry))
            if let remark, !json {
                progress.end()
                StartFailure.warn("\(name) is \(remark)")
            }
        } catch {
            progress.end()
            let told = StartFailure(segment: name, error)
            told.tell()
            failure = told
        }
    }

    /// Prints the report; throws the last failure, which is told already.
    func finish() throws {
        progress.end()
        if json {
            try Output.json(.array(entries))
        } else {
            try Output.write("\(verb) \(entries.count) segments, \(Output.size(Int64(bytes)))\n".utf8)
        }
        if let failure { throw ExitCode(failure.cause.rawValue) }
    }
}
