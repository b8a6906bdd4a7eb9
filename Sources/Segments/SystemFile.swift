internal import CSegment
internal import Glibc

/// Bytes to files that an operator names.
package enum SystemFile {
    /// Puts something into the places of standard input, output and error where they are closed.
    ///
    /// What is opened next would get into them. What this puts there can neither be read nor written.
    package static func occupyStandardDescriptors() {
        for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(number, F_GETFD) < 0 {
            _ = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Makes a directory; one that is there is as good.
    package static func makeDirectory(_ path: String) throws(SystemError) {
        if mkdir(path, 0o777) == 0 { return }
        let code = errno
        var status = stat()
        if code == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
        throw SystemError("mkdir", code)
    }

    /// The paths that begin with a text, as a shell completes them; those of directories end with a slash.
    package static func paths(_ beginning: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        let escaped = beginning.map { "*?[\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
        guard glob(escaped + "*", GLOB_MARK, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
    }

    /// Writes all bytes.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemError("write") }
            done += count
        }
    }
}

/// A file that is read from its beginning to its end.
package final class InputFile {
    /// Its size when it was opened.
    package let count: Int
    private let file: FileDescriptor
    private var piece = [UInt8](repeating: 0, count: 1 << 20)

    /// Opens a file; `-` is standard input.
    package init(_ path: String) throws(SystemError) {
        let number = retrying {
            path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC)
        }
        guard number >= 0 else { throw SystemError("open") }
        file = FileDescriptor(owning: number)
        count = try file.status().get().size
    }

    /// Some bytes; nil at the end.
    package func next() throws(SystemError) -> [UInt8]? {
        while true {
            let count = read(file.number, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError("read") }
            return count == 0 ? nil : Array(piece.prefix(count))
        }
    }
}

/// A file that gets its name when it is complete; dropped before, it leaves nothing behind.
package final class StagedOutput {
    /// Where to write.
    package var descriptor: Int32 { file.number }
    let file: FileDescriptor
    private let path: String
    private let temporary: String
    private var isPublished = false

    /// Makes it beside the file that it will be.
    package init(_ path: String) throws(SystemError) {
        self.path = path
        // What is no regular file, such as /dev/null or a pipe, cannot be replaced, and is written to as it is.
        var status = stat()
        let isSpecial = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
        temporary = isSpecial ? "" : "\(path).\(UUID.random().hexadecimal.prefix(8)).part"
        let flags = (isSpecial ? O_WRONLY : O_RDWR) | O_CLOEXEC | (isSpecial ? 0 : O_CREAT | O_EXCL)
        let number = open(isSpecial ? path : temporary, flags, 0o666)
        guard number >= 0 else { throw SystemError("open") }
        file = FileDescriptor(owning: number)
        if !temporary.isEmpty { UnfinishedFiles.begin(temporary) }
    }

    deinit {
        if temporary.isEmpty { return }
        if !isPublished { unlink(temporary) }
        UnfinishedFiles.end(temporary)
    }

    /// Gives it its name.
    package func publish() throws(SystemError) {
        guard !temporary.isEmpty else { return }
        // Else a machine that fails behind the rename could have a name with nothing under it.
        if fsync(file.number) != 0 { throw SystemError("fsync") }
        if rename(temporary, path) != 0 { throw SystemError("rename") }
        isPublished = true
    }
}
