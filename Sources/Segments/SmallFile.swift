internal import Glibc

/// Small files: those of the system, which tell of it in text, and those that an operator writes.
package enum SmallFile {
    /// A whole file as text, with its permission bits, for what must not be read in part; more than 1 MiB, or no UTF-8,
    /// is an error.
    package static func whole(_ path: String) throws(SystemError) -> (text: String, mode: UInt32) {
        let number = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
        guard number >= 0 else { throw SystemError("open") }
        let file = FileDescriptor(owning: number)
        let mode = try file.status().get().mode
        guard let bytes = bytes(from: file) else { throw SystemError("read") }
        guard bytes.count < limit else { throw SystemError("read", EFBIG) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw SystemError("read", EILSEQ) }
        return (text, mode)
    }

    private static let limit = 1 << 20

    /// The first bytes of a file, 1 MiB at most; nil if it cannot be read.
    static func bytes(of path: String) -> [UInt8]? {
        let number = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
        guard number >= 0 else { return nil }
        return bytes(from: FileDescriptor(owning: number))
    }

    private static func bytes(from file: borrowing FileDescriptor) -> [UInt8]? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count < limit {
            let count = piece.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { break }
            bytes += piece.prefix(count)
        }
        return bytes
    }

    /// The same as text.
    static func text(of path: String) -> String? { bytes(of: path).map { String(decoding: $0, as: UTF8.self) } }

    /// Where a symbolic link leads; nil if it cannot be read.
    static func link(_ path: String) -> String? {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &target, target.count)
        return count > 0 ? String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
