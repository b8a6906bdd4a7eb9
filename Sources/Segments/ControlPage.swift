internal import CSegment
internal import Glibc

/// The fixed part of a segment's first page, copied out and checked.
///
/// | offset | type | field |
/// |---|---|---|
/// | 0 | 8 bytes | magic |
/// | 8 | u32 | format version |
/// | 12 | u32 | flags |
/// | 16 | 16 bytes | uuid |
/// | 32 | u64 | total bytes |
/// | 40 | u64 | header offset |
/// | 48 | u64 | header bytes |
/// | 56 | u64 | data offset |
/// | 64–127 | u64 × 8 | the words that change, see ``ControlWord`` |
struct ControlPage {
    static let byteCount = 128
    static let pageBytes = Int(SHMGATE_PAGE)
    static let maximumHeaderBytes = 16 << 20
    static let magic: [UInt8] = Array("SHMGATE\0".utf8)

    let isReadOnly: Bool
    let uuid: UUID
    let totalBytes: Int
    let headerBytes: Int
    let dataOffset: Int
    let createdNs: Int64

    /// Reads and checks the first 128 bytes of a file of `size` bytes.
    ///
    /// A file without the magic is ``SegmentError/noSuchSegment(_:)``; one that contradicts itself is corrupt.
    init(reading bytes: UnsafeRawBufferPointer, fileSize size: Int, name: SegmentName) throws(SegmentError) {
        guard bytes.prefix(8).elementsEqual(Self.magic), let base = bytes.baseAddress else {
            throw .noSuchSegment(name.description)
        }
        guard bytes.count >= Self.byteCount else {
            throw .corrupt("the segment \(name) is corrupt: expected a page of \(Self.pageBytes) bytes, got \(size)")
        }
        func word(_ offset: Int) -> UInt64 { base.load(fromByteOffset: offset, as: UInt64.self) }
        func field(_ offset: Int, _ what: String) throws(SegmentError) -> Int {
            guard let value = Int(exactly: word(offset)) else {
                throw .corrupt("the segment \(name) says \(word(offset)) for its \(what)")
            }
            return value
        }
        let version = base.load(fromByteOffset: 8, as: UInt32.self)
        let flags = base.load(fromByteOffset: 12, as: UInt32.self)
        guard version == SHMGATE_FORMAT_VERSION else {
            throw .unsupportedFormat(
                "expected format version \(SHMGATE_FORMAT_VERSION), the segment \(name) has \(version)"
            )
        }
        guard flags & ~SHMGATE_FLAG_READONLY == 0 else {
            throw .unsupportedFormat("the segment \(name) has unknown flags: \(flags)")
        }
        isReadOnly = flags & SHMGATE_FLAG_READONLY != 0
        uuid = UUID(bytes: base + 16)
        createdNs = base.load(fromByteOffset: 88, as: Int64.self)
        totalBytes = try field(32, "total_bytes")
        headerBytes = try field(48, "header_bytes")
        dataOffset = try field(56, "data_offset")
        func require(_ holds: Bool, _ text: @autoclosure () -> String) throws(SegmentError) {
            if !holds { throw .corrupt("the segment \(name) is corrupt: \(text())") }
        }
        let headerOffset = try field(40, "header_offset")
        try require(headerOffset == Self.pageBytes, "expected header_offset \(Self.pageBytes), got \(headerOffset)")
        try require(totalBytes <= size, "total_bytes is \(totalBytes), the file has \(size)")
        try require(totalBytes % Self.pageBytes == 0, "total_bytes \(totalBytes) is no multiple of \(Self.pageBytes)")
        try require(
            headerBytes <= Self.maximumHeaderBytes,
            "expected a header of at most \(Self.maximumHeaderBytes) bytes, got \(headerBytes)"
        )
        try require(dataOffset % Self.pageBytes == 0, "data_offset \(dataOffset) is no multiple of \(Self.pageBytes)")
        try require(
            dataOffset >= Self.dataOffset(headerBytes: headerBytes),
            "data_offset \(dataOffset) lies inside the header of \(headerBytes) bytes"
        )
        try require(dataOffset <= totalBytes, "data_offset \(dataOffset) lies beyond total_bytes \(totalBytes)")
    }

    /// The first page boundary behind a header.
    static func dataOffset(headerBytes: Int) -> Int { roundUp(pageBytes + headerBytes, to: pageBytes) }

    /// The page of a segment that is about to get its name.
    static func bytes(
        uuid: UUID,
        totalBytes: Int,
        headerBytes: Int,
        flags: UInt32,
        nowNs: Int64,
        expiresNs: Int64
    ) -> [UInt8] {
        var page = [UInt8](repeating: 0, count: byteCount)
        page.withUnsafeMutableBytes { bytes in
            bytes.copyBytes(from: magic)
            bytes.storeBytes(of: SHMGATE_FORMAT_VERSION, toByteOffset: 8, as: UInt32.self)
            bytes.storeBytes(of: flags, toByteOffset: 12, as: UInt32.self)
            if let base = bytes.baseAddress { uuid.store(to: base + 16) }
            let words: [(Int, Int64)] = [
                (32, Int64(totalBytes)), (40, Int64(pageBytes)), (48, Int64(headerBytes)),
                (56, Int64(dataOffset(headerBytes: headerBytes))), (64, Int64(firstSequence)),
                (80, Int64(getpid())), (88, nowNs), (96, nowNs), (104, expiresNs),
            ]
            for (offset, value) in words { bytes.storeBytes(of: value, toByteOffset: offset, as: Int64.self) }
        }
        return page
    }

    /// The sequence at publication: building the segment was its first write, and 0 is what a torn store looks like.
    static let firstSequence: UInt64 = 2
}

/// The words of the control page that change, by byte offset.
enum ControlWord {
    static let sequence = 64
    static let interruptedWrites = 72
    static let writerPid = 80
    static let modified = 96
    static let expires = 104
    static let state = 112
    static let damaged = 120
}

/// The least multiple of `step` that is not below `value`.
package func roundUp(_ value: Int, to step: Int) -> Int { (value + step - 1) / step * step }
