internal import Glibc

/// What `/proc/PID/maps` says of the files of one device.
///
/// A line is `start-end permissions offset device inode path`; the device is `major:minor` in hexadecimal, at least two
/// digits each. The path is of no use: a file keeps its number when it is unlinked, replaced, or has a second link.
struct MapsFile {
    /// The device as a line has it.
    private let device: [UInt8]
    /// The numbers of the files that were found.
    private(set) var inodes: Set<UInt64> = []
    /// Whether there was a line at all: a kernel thread, and a process that has ended, have none.
    private(set) var hasLines = false

    /// Looks for files of a device, which is numbered as `stat` does.
    init(device: UInt64) {
        let major = device >> 8 & 0xFFF | device >> 32 & ~0xFFF
        let minor = device & 0xFF | device >> 12 & ~0xFF
        self.device = Array("\(Self.hexadecimal(major)):\(Self.hexadecimal(minor))".utf8)
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return digits.utf8.count < 2 ? "0" + digits : digits
    }

    /// Reads the file to its end; what went wrong if it cannot be.
    mutating func read(_ path: String) -> SystemError? {
        let number = retrying { open(path, O_RDONLY | O_CLOEXEC) }
        guard number >= 0 else { return SystemError("open") }
        let file = FileDescriptor(owning: number)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
        defer { buffer.deallocate() }
        var held = 0
        while true {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[held...])
            let count = Glibc.read(file.number, room.baseAddress, room.count)
            if count < 0 {
                if errno == EINTR { continue }
                return SystemError("read")
            }
            held += count
            let rest = take(UnsafeRawBufferPointer(rebasing: buffer[..<held]))
            if count == 0 { return nil }
            // A line is shorter than the buffer: a path has 4 KiB at most, each byte of it four when it is escaped.
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[(held - rest)..<held]))
            held = rest
        }
    }

    /// Takes the complete lines; returns how many bytes are behind them.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            takeLine(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            start = end + 1
        }
        return bytes.count - start
    }

    private mutating func takeLine(_ line: UnsafeRawBufferPointer) {
        hasLines = true
        var fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5, omittingEmptySubsequences: true)
            .makeIterator()
        for _ in 0..<3 { _ = fields.next() }
        guard let device = fields.next(), device.elementsEqual(self.device), let digits = fields.next(),
            let inode = UInt64(String(decoding: digits, as: UTF8.self))
        else { return }
        inodes.insert(inode)
    }
}
