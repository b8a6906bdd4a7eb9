internal import CZlib
internal import Segments

/// The bytes are the journal of a write that died, in the page or in a staged file.
///
/// | bytes | |
/// |---|---|
/// | 1 | what is left as the input has it; 0: all that is needed to get past the first checks is put right |
/// | 56 | the head |
/// | rest | the payload, or the staged file if the kind is 2 or 3 |
///
/// A fuzzer finds no checksum by itself, so the bits of the first byte say: 1 leave the checksum, 2 the uuid, 4 the
/// sequence, 8 the count of bytes, 16 the staged file's first entry. A reader that may not write and a recovery read
/// the same journal: both give the same bytes, and nothing but the buffers and the words of the page has changed.
struct JournalTarget: FuzzTarget {
    private static let dataOffset = 8192
    private static let totalBytes = 16_384
    private static let beyond = 4096
    private static let staged = ".shmgate-journal-" + String(repeating: "5a", count: 16)
    private static let uuid: [UInt8] = (1...16).map { $0 }

    private let file: ScratchFile
    private let stagedPath: String
    private let writer: Segment
    private let reader: Segment
    private let pristine: [UInt8]

    init(folder: String) throws {
        file = try ScratchFile("\(folder)/journal")
        var bytes = [UInt8](repeating: 0, count: Self.dataOffset)
        bytes.replaceSubrange(0..<8, with: Array("SHMGATE\0".utf8))
        bytes.store(UInt32(1), at: 8)
        bytes.replaceSubrange(16..<32, with: Self.uuid)
        for (offset, value) in [(32, Self.totalBytes), (40, 4096), (48, 2), (56, Self.dataOffset), (64, 3)] {
            bytes.store(UInt64(value), at: offset)
        }
        bytes.replaceSubrange(4096..<4098, with: Array("{}".utf8))
        bytes += [UInt8](repeating: 0xAA, count: Self.totalBytes - Self.dataOffset)
        bytes += [UInt8](repeating: 0x55, count: Self.beyond)
        pristine = bytes
        let directory = try SegmentDirectory(path: folder)
        // The reader may not write: the read-only flag is set while it opens the segment.
        bytes.store(UInt32(1), at: 12)
        try file.store(bytes[...], at: 0)
        reader = try directory.load(SegmentName("journal"))
        try file.store(pristine[...], at: 0)
        writer = try directory.load(SegmentName("journal"))
        stagedPath = "\(folder)/\(Self.staged)"
    }

    func run(_ bytes: [UInt8]) throws {
        let before = try store(bytes)
        let (copy, damaged) = try read()
        try require(same(file.bytes(0..<before.count)[...], before[...]), "a reader has changed the file")
        try writer.withWriteLock(until: .after(milliseconds: 60_000)) { _ in }
        let after = try file.bytes(0..<before.count)
        let data = Self.dataOffset..<Self.totalBytes
        try require(same(after[data], copy[...]), "a reader and the recovery redo two different writes")
        for (range, what) in [
            (0..<64, "fixed words"), (128..<2048, "reserved bytes"), (2052..<8192, "journal, header"),
        ] {
            try require(same(after[range], before[range]), "a recovery changed the \(what)")
        }
        let beyond = Self.totalBytes...
        try require(same(after[beyond], before[beyond]), "a recovery wrote beyond the end")
        try require(after.number(64, as: UInt64.self) == 4, "the sequence is not even after a recovery")
        try require(after.number(120, as: UInt64.self) == (damaged ? 1 : 0), "reader and recovery differ on the damage")
        try require(after.number(72, as: UInt64.self) == (damaged ? 1 : 0), "the death was not counted once")
        if !damaged, let expected = try expected(before, bytes) {
            try require(same(copy[...], expected[...]), "a journal was not redone as its records say")
        }
        if damaged { try require(same(after[data], before[data]), "a journal that does not hold was replayed") }
    }

    /// The buffers after a journal that holds, from a model of its records; nil if there is none to redo.
    private func expected(_ segment: [UInt8], _ input: [UInt8]) throws -> [UInt8]? {
        let data = Self.dataOffset..<Self.totalBytes
        let records: [UInt8]
        var staged: [UInt8]?
        switch segment.number(2048, as: UInt32.self) {
        case 1: records = Array(segment[2112..<2112 + Int(segment.number(2080, as: UInt64.self))])
        case 2, 3:
            let file = Self.staged(input)
            staged = file
            guard file.number(12, as: UInt32.self) == 1 else { return Array(segment[data]) }
            let starts = (0..<Int(file.number(16, as: UInt64.self))).map { 24 + 40 * $0 }
            guard
                let mine = starts.first(where: {
                    same(file[$0..<$0 + 16], Self.uuid[...])
                        && file.number($0 + 16, as: UInt64.self) == segment.number(2056)
                })
            else { throw Finding("a staged file without an entry for the segment was replayed") }
            let start = Int(file.number(mine + 24, as: UInt64.self))
            records = Array(file[start..<start + Int(file.number(mine + 32, as: UInt64.self))])
        default: throw Finding("a journal of no kind was replayed")
        }
        let model = RecordModel(records: records, staged: staged, range: data)
        guard let after = model.redo(onto: Array(segment[data])) else {
            throw Finding("a journal was replayed whose records leave their bounds")
        }
        return after
    }

    /// The staged file of an input.
    private static func staged(_ input: [UInt8]) -> [UInt8] {
        var file = Array(input.dropFirst(57))
        if (input.first ?? 0) & 16 == 0, file.count >= 64 {
            file.replaceSubrange(24..<40, with: uuid)
            file.store(UInt64(3), at: 40)
        }
        return file
    }

    /// What a reader that may not write sees of the buffers, and whether it is damaged.
    private func read() throws -> ([UInt8], Bool) {
        var copy = [UInt8](repeating: 0, count: Self.totalBytes - Self.dataOffset)
        let region = Region(byteOffset: Self.dataOffset, itemByteCount: copy.count, axes: [])
        let snapshot = try copy.withUnsafeMutableBytes { raw -> Snapshot? in
            guard let base = raw.baseAddress else { return nil }
            return try reader.snapshot(region, into: base, until: .after(milliseconds: 60_000))
        }
        try require(snapshot?.sequence == 4, "a reader gives another sequence than the recovery")
        return (copy, snapshot?.isDamaged ?? true)
    }

    /// Puts the journal where it belongs; gives the bytes of the segment's file.
    private func store(_ bytes: [UInt8]) throws -> [UInt8] {
        let leave = bytes.first ?? 0
        var head = Array((bytes.dropFirst() + [UInt8](repeating: 0, count: 56)).prefix(56))
        var payload = Array(bytes.dropFirst(57))
        let kind = head.number(0, as: UInt32.self)
        if leave & 4 == 0 { head.store(UInt64(3), at: 8) }
        if leave & 2 == 0 { head.replaceSubrange(16..<32, with: Self.uuid) }
        head.replaceSubrange(40..<56, with: [UInt8](repeating: 0x5A, count: 16))
        let covered: [UInt8]
        if kind == 2 || kind == 3 {
            payload = Self.staged(bytes)
            covered = Self.covered(payload)
            // A recovery unlinks it, so there is a new one each time.
            let staged = try ScratchFile(stagedPath)
            try staged.resize(0)
            try staged.store(payload[...], at: 0)
        } else {
            payload = Array(payload.prefix(1984))
            covered = payload
        }
        if leave & 8 == 0 { head.store(UInt64(covered.count), at: 32) }
        var sum = [UInt8](repeating: 0, count: 4)
        if leave & 1 == 0 {
            let crc = crc32_z(0, head + covered, head.count + covered.count)
            sum.store(UInt32(truncatingIfNeeded: crc), at: 0)
        }
        var all = pristine
        all.replaceSubrange(2048..<2108, with: head + sum)
        if kind != 2, kind != 3 { all.replaceSubrange(2112..<2112 + payload.count, with: payload) }
        try file.store(all[...], at: 0)
        return all
    }

    /// What the checksum covers of a staged file: head and entries, the commit word as 0, and all records.
    private static func covered(_ staged: [UInt8]) -> [UInt8] {
        let count = min(staged.number(16, as: UInt64.self), UInt64(max(staged.count - 24, 0) / 40))
        var bytes = Array(staged.prefix(24 + 40 * Int(count)))
        if bytes.count >= 16 { bytes.store(UInt32(0), at: 12) }
        for entry in 0..<Int(count) {
            let start = staged.number(24 + 40 * entry + 24, as: UInt64.self)
            let size = staged.number(24 + 40 * entry + 32, as: UInt64.self)
            guard start <= UInt64(staged.count) else { continue }
            bytes += staged.dropFirst(Int(start)).prefix(Int(min(size, UInt64(staged.count))))
        }
        return bytes
    }
}
