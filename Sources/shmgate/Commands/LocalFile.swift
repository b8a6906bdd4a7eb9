import Glibc
import Segments

/// Files that a user names: read whole or piece by piece, written under another name until they are complete.
struct LocalFile {
    private let descriptor: Int32

    /// Appends bytes, all of them.
    func append(_ bytes: some Collection<UInt8>) throws {
        do {
            try SystemFile.write(Array(bytes), to: descriptor)
        } catch {
            throw StartFailure(.other, "Cannot write: \(error)")
        }
    }

    /// Makes a file: under its name stands what was there before, or all of the new.
    static func write(_ path: String, _ body: (LocalFile) throws -> Void) throws {
        let file: StagedOutput
        do {
            file = try StagedOutput(path)
        } catch {
            throw StartFailure(error.code == ENOENT ? .missing : .notPermitted, "Cannot write \(path): \(error)")
        }
        try body(LocalFile(descriptor: file.descriptor))
        do {
            try file.publish()
        } catch {
            throw StartFailure(.other, "Cannot write \(path): \(error)")
        }
    }

    /// All bytes of a file.
    static func whole(_ path: String) throws -> [UInt8] {
        let input = try reading(path)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(input.count)
        while let piece = try input.next() { bytes += piece }
        return bytes
    }

    /// A file to be read piece by piece.
    static func reading(_ path: String) throws -> InputFile {
        do {
            return try InputFile(path)
        } catch {
            throw StartFailure(error.code == ENOENT ? .missing : .notPermitted, "Cannot read \(path): \(error)")
        }
    }

    /// All that comes on standard input.
    static func standardInput() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(STDIN_FILENO, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw StartFailure(.other, "standard input: \(String(cString: strerror(errno)))") }
            if count == 0 { return bytes }
            bytes += piece.prefix(count)
        }
    }
}

/// What a file is, by its name.
enum FileForm: String {
    case npy
    case arrow
    case csv
    case json

    /// Of a path; nil if its ending is none of these.
    init?(path: String) {
        let name = path.split(separator: "/").last ?? ""
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
        switch name[name.index(after: dot)...] {
        case "npy": self = .npy
        case "arrow", "feather", "ipc": self = .arrow
        case "csv": self = .csv
        case "json": self = .json
        default: return nil
        }
    }

    /// How a gateway calls it.
    var format: String { self == .arrow ? "arrow-file" : rawValue }

    /// Its type in a body.
    var mediaType: String {
        switch self {
        case .npy: "application/x-npy"
        case .arrow: "application/vnd.apache.arrow.file"
        case .csv: "text/csv"
        case .json: "application/json"
        }
    }
}
