internal import Glibc

/// A file as another program sees it: no protocol, no checks.
package struct RawFile {
    /// Where it is.
    package let path: String

    /// A file that may or may not exist.
    package init(_ path: String) { self.path = path }

    /// Makes the file, or replaces what is in it.
    package func write(_ bytes: [UInt8]) throws {
        let file = try open(O_RDWR | O_CREAT | O_TRUNC)
        defer { close(file) }
        try store(bytes, at: 0, in: file)
    }

    /// Overwrites bytes at an offset.
    package func patch(_ bytes: [UInt8], at offset: Int) throws {
        let file = try open(O_RDWR)
        defer { close(file) }
        try store(bytes, at: offset, in: file)
    }

    /// Overwrites a little-endian number at an offset.
    package func patch(_ number: some FixedWidthInteger, at offset: Int) throws {
        try patch(withUnsafeBytes(of: number.littleEndian) { Array($0) }, at: offset)
    }

    /// All its bytes, or those of a range.
    package func bytes(_ range: Range<Int>? = nil) throws -> [UInt8] {
        let file = try open(O_RDONLY)
        defer { close(file) }
        let range = try range ?? 0..<size()
        var bytes = [UInt8](repeating: 0, count: range.count)
        guard pread(file, &bytes, bytes.count, range.lowerBound) == bytes.count else { throw Failure("pread") }
        return bytes
    }

    /// A little-endian number at an offset.
    package func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type = Number.self) throws -> Number
    {
        let size = Number.bitWidth / 8
        return try bytes(offset..<(offset + size)).withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(as: type)) }
    }

    /// The size in bytes.
    package func size() throws -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Failure("stat") }
        return Int(status.st_size)
    }

    /// The permission bits.
    package func mode() throws -> UInt32 {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Failure("stat") }
        return status.st_mode & 0o7777
    }

    /// The number of the file on its device.
    package func inode() throws -> UInt64 {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw Failure("lstat") }
        return UInt64(status.st_ino)
    }

    /// Whether the path leads to anything.
    package var exists: Bool { access(path, F_OK) == 0 }

    /// Cuts the file, or lengthens it with zeros.
    package func truncate(to size: Int) throws {
        guard Glibc.truncate(path, size) == 0 else { throw Failure("truncate") }
    }

    private func open(_ flags: Int32) throws -> Int32 {
        let file = Glibc.open(path, flags | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure("open \(path)") }
        return file
    }

    private func store(_ bytes: [UInt8], at offset: Int, in file: Int32) throws {
        guard pwrite(file, bytes, bytes.count, offset) == bytes.count else { throw Failure("pwrite") }
    }
}
