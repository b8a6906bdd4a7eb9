import TestSupport

@testable import Segments

/// A scratch directory with the means to make segments in it and to read and write them.
final class Workshop: Sendable {
    let scratch: ScratchDirectory
    let directory: SegmentDirectory

    init() throws {
        scratch = try ScratchDirectory()
        directory = try scratch.segments()
    }

    static let header = Array(#"{"format": 1}"#.utf8)

    /// A draft of so many zero bytes.
    func draft(
        dataBytes: Int,
        header: [UInt8] = header,
        mode: UInt32 = 0o600,
        isReadOnly: Bool = false,
        lifetimeSeconds: Double? = nil
    ) throws -> SegmentDraft {
        try header.withUnsafeBytes {
            try SegmentDraft(
                in: directory,
                header: $0,
                dataBytes: dataBytes,
                mode: mode,
                isReadOnly: isReadOnly,
                lifetimeSeconds: lifetimeSeconds
            )
        }
    }

    /// A published segment, loaded; the draft is gone and with it its lock.
    func segment(
        _ name: String = "a",
        dataBytes: Int = 4096,
        filledWith byte: UInt8 = 0,
        mode: UInt32 = 0o600,
        isReadOnly: Bool = false
    ) throws -> Segment {
        do {
            let draft = try draft(dataBytes: dataBytes, mode: mode, isReadOnly: isReadOnly)
            if byte != 0 {
                try [byte].withUnsafeBytes { try draft.fill(draft.dataOffset..<draft.totalBytes, repeating: $0) }
            }
            try draft.publish(as: SegmentName(name))
        }
        return try directory.load(SegmentName(name))
    }

    func load(_ name: String) throws -> Segment { try directory.load(SegmentName(name)) }

    func file(_ name: String = "a") -> RawFile { RawFile(scratch.path(name)) }
}

extension Segment {
    /// A run of bytes in the buffers.
    func run(_ offset: Int = 0, count: Int) -> Region {
        Region(byteOffset: dataOffset + offset, itemByteCount: count, axes: [])
    }

    /// A consistent copy of a region.
    func read(_ region: Region, until deadline: Deadline = .immediate) throws -> (bytes: [UInt8], snapshot: Snapshot) {
        var bytes = [UInt8](repeating: 0xEE, count: region.byteCount)
        let snapshot = try bytes.withUnsafeMutableBytes { buffer -> Snapshot in
            try self.snapshot(region, into: buffer.baseAddress ?? .empty, until: deadline)
        }
        return (bytes, snapshot)
    }

    /// One consistent copy of several regions.
    func read(
        _ regions: [Region],
        until deadline: Deadline = .immediate
    ) throws -> (bytes: [[UInt8]], snapshot: Snapshot) {
        let memory = regions.map { UnsafeMutableRawBufferPointer.allocate(byteCount: $0.byteCount, alignment: 1) }
        defer { for piece in memory { piece.deallocate() } }
        let parts = zip(regions, memory).map { SnapshotPart($0, into: $1.baseAddress ?? .empty) }
        let snapshot = try snapshot(parts, until: deadline)
        return (memory.map { Array($0) }, snapshot)
    }

    /// A write that is carried out when `commit` says so; `body` runs between preparation and lock.
    func prepare(_ bytes: [UInt8], to regions: [Region], whole: Bool = false) throws -> PreparedWrite {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        copy.copyBytes(from: bytes)
        let address = UInt(bitPattern: copy.baseAddress)
        let source = ByteSource(UnsafeRawBufferPointer(copy)) {
            UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
        }
        return try PreparedWrite(to: self, regions: regions, bytes: source, coversWhole: whole)
    }

    /// Writes bytes to a region, under the lock.
    @discardableResult
    func write(
        _ bytes: [UInt8],
        to region: Region,
        whole: Bool = false,
        until deadline: Deadline = .never
    ) throws -> UInt64 {
        let write = try prepare(bytes, to: [region], whole: whole)
        return try withWriteLock(until: deadline) { lock throws(SegmentError) in try lock.commit(write) }
    }
}
