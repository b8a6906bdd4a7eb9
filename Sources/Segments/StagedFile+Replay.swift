internal import CSegment
internal import Glibc

/// The head and entries of a staged file.
struct StagedHead {
    struct Entry {
        var uuid: UUID
        var sequence: UInt64
        var recordsOffset: Int
        var recordsBytes: Int
    }

    static let byteCount = 24
    static let entryBytes = 40

    var commit: UInt32 = 0
    var entries: [Entry]

    /// Its bytes; the checksum of the journal counts the commit word as 0.
    var encoded: [UInt8] {
        var bytes = StagedFile.magic
        bytes.append(UInt32(1))
        bytes.append(commit)
        bytes.append(UInt64(entries.count))
        for entry in entries {
            bytes.append(entry.uuid.high.bigEndian)
            bytes.append(entry.uuid.low.bigEndian)
            bytes.append(entry.sequence)
            bytes.append(UInt64(entry.recordsOffset))
            bytes.append(UInt64(entry.recordsBytes))
        }
        return bytes
    }

    /// Reads head and entries of a file of `fileBytes`; nil if they do not fit together.
    init?(_ file: borrowing FileDescriptor, fileBytes: Int) {
        guard let head = file.bytes(0..<Self.byteCount), head.prefix(8).elementsEqual(StagedFile.magic) else {
            return nil
        }
        let words = head.withUnsafeBytes { raw in
            (
                version: raw.load(fromByteOffset: 8, as: UInt32.self),
                commit: raw.load(fromByteOffset: 12, as: UInt32.self),
                count: raw.load(fromByteOffset: 16, as: UInt64.self)
            )
        }
        guard words.version == 1, words.commit <= 1,
            words.count <= UInt64((fileBytes - Self.byteCount) / Self.entryBytes)
        else { return nil }
        commit = words.commit
        entries = []
        let end = Self.byteCount + Int(words.count) * Self.entryBytes
        guard let list = file.bytes(Self.byteCount..<end) else { return nil }
        for start in stride(from: 0, to: list.count, by: Self.entryBytes) {
            let entry: Entry? = list.withUnsafeBytes { raw in
                guard let base = raw.baseAddress,
                    let offset = Int(exactly: raw.load(fromByteOffset: start + 24, as: UInt64.self)),
                    let count = Int(exactly: raw.load(fromByteOffset: start + 32, as: UInt64.self)),
                    offset <= fileBytes, count <= fileBytes - offset
                else { return nil }
                return Entry(
                    uuid: UUID(bytes: base + start),
                    sequence: raw.load(fromByteOffset: start + 16, as: UInt64.self),
                    recordsOffset: offset,
                    recordsBytes: count
                )
            }
            guard let entry else { return nil }
            entries.append(entry)
        }
    }

    init(entries: [Entry]) { self.entries = entries }
}

extension StagedFile {
    /// Redoes the write of one segment from the staged file that its journal names.
    static func replay(
        _ journal: JournalHead,
        in segment: Segment,
        onto target: borrowing Mapping
    ) throws(SegmentError) -> Journal.Outcome {
        let opened = FileDescriptor.open(name(journal.file), in: segment.directory.descriptor, flags: O_RDONLY)
        let file: FileDescriptor
        switch opened {
        case .success(let number): file = FileDescriptor(owning: number)
        case .failure(let error):
            if error.code == ENOENT { return .none }
            throw .from(error, name: segment.name.description)
        }
        guard case .success(let status) = file.status(), status.isRegular,
            let head = StagedHead(file, fileBytes: status.size), journal.byteCount <= UInt64(status.size)
        else { return .none }
        var payload = StagedHead(entries: head.entries).encoded
        var mine: [UInt8]?
        for entry in head.entries {
            guard let records = file.bytes(entry.recordsOffset..<entry.recordsOffset + entry.recordsBytes) else {
                return .none
            }
            payload += records
            if entry.uuid == segment.uuid, entry.sequence == journal.sequence { mine = mine ?? records }
        }
        guard payload.count == Int(journal.byteCount), journal.checksum(over: payload) == journal.crc,
            let records = mine.flatMap({ JournalRecord.decode($0, dataIn: status.size, for: segment) })
        else { return .none }
        if head.commit == 0 { return .untouched }
        let mapping: Mapping
        do throws(SystemError) {
            mapping = try Mapping(file, count: status.size, writable: false)
        } catch {
            throw .system(error)
        }
        let body = UnsafeRawBufferPointer(start: mapping.base, count: mapping.count)
        do throws(MappingFault) {
            for record in records { try record.redo(onto: target, from: body) }
        } catch {
            throw error.error(segment.name)
        }
        return .replayed(coversWhole: journal.flags & 1 == 1)
    }
}

extension FileDescriptor {
    /// The bytes of a range, or nil if the file does not have them all.
    ///
    /// The corresponding C function is `pread`.
    borrowing func bytes(_ range: Range<Int>) -> [UInt8]? {
        let number = number
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            while count < range.count {
                let got = pread(
                    number,
                    buffer.baseAddress.map { $0 + count },
                    range.count - count,
                    range.lowerBound + count
                )
                if got > 0 { count += got } else if got == 0 || errno != EINTR { break }
            }
            failed = count < range.count
        }
        return failed ? nil : bytes
    }
}
