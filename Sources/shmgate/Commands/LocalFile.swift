import Segments

/// Files that a user names: read whole or piece by piece, written under another name until they are complete.
struct LocalFile {
    private let path: String
    private let output: StagedOutput

    /// Appends bytes, all of them.
    func append(_ bytes: some Collection<UInt8>) throws {
        try Self.trying("write", path) { () throws(SystemError) in
            try SystemFile.write(Array(bytes), to: output.descriptor)
        }
    }

    /// Makes a file: under its name stands what was there before, or all of the new.
    static func write(_ path: String, _ body: (LocalFile) throws -> Void) throws {
        let output = try trying("write", path) { () throws(SystemError) in try StagedOutput(path) }
        try body(LocalFile(path: path, output: output))
        try trying("write", path) { () throws(SystemError) in try output.publish() }
    }

    /// All bytes of a file; `-` is standard input.
    static func whole(_ path: String) throws -> [UInt8] {
        try trying("read", path) { () throws(SystemError) in
            let input = try InputFile(path)
            var bytes: [UInt8] = []
            bytes.reserveCapacity(input.count)
            while let piece = try input.next() { bytes += piece }
            return bytes
        }
    }

    /// A file that is read piece by piece: how many bytes it has, and what gives some of them.
    static func reading(_ path: String) throws -> (count: Int, next: () throws -> [UInt8]) {
        let input = try trying("read", path) { () throws(SystemError) in try InputFile(path) }
        return (
            input.count,
            {
                let piece = try trying("read", path) { () throws(SystemError) in try input.next() }
                guard let piece else { throw StartFailure(.other, "\(path) became shorter meanwhile") }
                return piece
            }
        )
    }

    private static func trying<Result>(
        _ verb: String,
        _ path: String,
        _ body: () throws(SystemError) -> Result
    ) throws(StartFailure) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            throw StartFailure(file: path == "-" ? "standard input" : path, verb, error)
        }
    }
}
