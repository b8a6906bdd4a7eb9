internal import Glibc

/// A file that is rewritten for every input, by calls that know nothing of segments.
final class ScratchFile {
    private let number: Int32

    /// Makes the file, or takes one that is there.
    init(_ path: String) throws {
        number = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw Finding("open \(path): errno \(errno)") }
    }

    deinit { close(number) }

    /// Gives the file a size; what is new in it is zero.
    func resize(_ count: Int) throws {
        guard ftruncate(number, count) == 0 else { throw Finding("ftruncate: errno \(errno)") }
    }

    /// Stores bytes at an offset.
    func store(_ bytes: ArraySlice<UInt8>, at offset: Int) throws {
        let stored = bytes.withUnsafeBytes { pwrite(number, $0.baseAddress, $0.count, offset) }
        guard stored == bytes.count else { throw Finding("pwrite: errno \(errno)") }
    }

    /// The bytes of a range, all of which are there.
    func bytes(_ range: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        guard pread(number, &bytes, bytes.count, range.lowerBound) == bytes.count else {
            throw Finding("pread: errno \(errno)")
        }
        return bytes
    }
}

extension [UInt8] {
    /// The little-endian number at an offset; zeros stand behind the end.
    func number<Number: FixedWidthInteger>(_ offset: Int, as type: Number.Type = Number.self) -> Number {
        (0..<Number.bitWidth / 8).reduce(0) { value, index in
            let byte = indices.contains(offset + index) ? self[offset + index] : 0
            return value | Number(truncatingIfNeeded: byte) << Number(8 * index)
        }
    }

    /// Stores a little-endian number at an offset where there is room for it.
    mutating func store(_ number: some FixedWidthInteger, at offset: Int) {
        Swift.withUnsafeBytes(of: number.littleEndian) { raw in
            for (index, byte) in raw.enumerated() { self[offset + index] = byte }
        }
    }
}

/// Whether two pieces of memory are the same; by C, for a loop of Swift is full of the fuzzer's instruments.
func same(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Bool {
    one.withUnsafeBytes { one in
        other.withUnsafeBytes { other in
            guard one.count == other.count else { return false }
            guard let first = one.baseAddress, let second = other.baseAddress else { return true }
            return memcmp(first, second, one.count) == 0
        }
    }
}
