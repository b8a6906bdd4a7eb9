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
    static let commitOffset = 12
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

    /// Reads head and entries of a file; nil if they do not fit together, or take more than `limit` bytes.
    ///
    /// The limit is what the file holds, not its size: the head of a sparse one can promise any number of entries.
    init?(_ file: borrowing FileDescriptor, limit: Int) {
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
            words.count <= UInt64(max(limit - Self.byteCount, 0) / Self.entryBytes)
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
                    !offset.addingReportingOverflow(count).overflow
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
    /// The journal of one segment's write in the staged file that its page names; nil if it does not hold.
    static func verified(_ journal: JournalHead, in segment: Segment) throws(SegmentError) -> VerifiedJournal? {
        let opened = FileDescriptor.open(name(journal.file), in: segment.directory.descriptor, flags: O_RDONLY)
        let file: FileDescriptor
        switch opened {
        case .success(let number): file = FileDescriptor(owning: number)
        case .failure(let error):
            if error.code == ENOENT || error.code == ELOOP { return nil }
            throw .from(error, name: segment.name.description)
        }
        // No more is read than the page counts, nor than the file really holds.
        guard case .success(let status) = file.status(), isTrusted(status, for: segment),
            journal.byteCount <= UInt64(status.heldBytes),
            let head = StagedHead(file, limit: Int(journal.byteCount)),
            head.fits(journal, fileBytes: status.size)
        else { return nil }
        var sum = journal.checksum(over: StagedHead(entries: head.entries).encoded)
        var mine: [UInt8]?
        for entry in head.entries {
            guard let records = file.bytes(entry.recordsOffset..<entry.recordsOffset + entry.recordsBytes) else {
                return nil
            }
            sum = JournalHead.checksum(of: records, after: sum)
            if entry.uuid == segment.uuid, entry.sequence == journal.sequence { mine = mine ?? records }
        }
        guard sum == journal.crc,
            let records = mine.flatMap({ JournalRecord.decode($0, dataIn: status, for: segment) })
        else { return nil }
        return VerifiedJournal(
            head: journal,
            records: records,
            isCommitted: head.commit == 1,
            payload: [],
            file: file,
            fileBytes: status.size
        )
    }

    /// Whether a staged file can be from somebody who may write to the segment: its owner, root, this user, or anybody
    /// where its mode lets others write, for a gateway of the segment's group journals in files of its own.
    private static func isTrusted(_ file: FileStatus, for segment: Segment) -> Bool {
        file.isRegular
            && (file.uid == segment.status.uid || file.uid == geteuid() || file.uid == 0
                || segment.status.mode & 0o022 != 0)
    }
}

extension StagedHead {
    /// Whether head and records are as many bytes as the journal counts and lie in the file, one entry for a write of
    /// one segment, and no byte in the records of two.
    fileprivate func fits(_ journal: JournalHead, fileBytes: Int) -> Bool {
        if journal.kind == 2, entries.count != 1 { return false }
        var left = Int(journal.byteCount) - Self.byteCount - entries.count * Self.entryBytes
        var end = 0
        for entry in entries.sorted(by: { ($0.recordsOffset, $0.recordsBytes) < ($1.recordsOffset, $1.recordsBytes) }) {
            guard entry.recordsOffset >= end, entry.recordsBytes <= left,
                entry.recordsOffset + entry.recordsBytes <= fileBytes
            else { return false }
            left -= entry.recordsBytes
            end = entry.recordsOffset + entry.recordsBytes
        }
        return left == 0
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
