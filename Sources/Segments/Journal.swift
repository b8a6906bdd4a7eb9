internal import CSegment

/// The redo journal of one write: what a successor needs to finish it.
///
/// Head, at byte 2048 of the control page:
///
/// | offset | type | field |
/// |---|---|---|
/// | 0 | u32 | kind: 0 none, 1 in this page, 2 in a staged file, 3 in a staged file of several segments |
/// | 4 | u32 | flags: bit 0, the write covers the whole object |
/// | 8 | u64 | the odd sequence that it was written for |
/// | 16 | 16 bytes | uuid of the segment |
/// | 32 | u64 | bytes of payload |
/// | 40 | 16 bytes | random bits that name the staged file |
/// | 56 | u32 | CRC-32 of bytes 0–55, then of the payload (its commit word counted as 0) |
/// | 64 | | payload of kind 1 |
struct Journal: Sendable {
    enum Place: Sendable {
        case page([UInt8])
        case staged(StagedFile, records: StagedRecords)
    }

    let place: Place

    static let offset = 2048
    static let headBytes = 56
    static let payloadOffset = offset + 64
    static let capacity = Int(SHMGATE_JOURNAL_CAPACITY)

    /// Chooses the place: the page if records and bytes fit, else a staged file.
    ///
    /// Bytes that do not lie in a staged file yet are copied into one. All that is long is done here, and so before the
    /// lock is taken: records and their checksum do not depend on the sequence.
    static func prepare(
        for segment: Segment,
        regions: [Region],
        bytes: ByteSource,
        whole: Bool
    ) throws(SegmentError) -> (Journal, ByteSource) {
        let records = JournalRecord.records(of: regions)
        let inline = records.reduce(0) { $0 + $1.headBytes + $1.byteCount }
        if inline <= capacity {
            let bytes = try bytes.inPrivateMemory()
            return (Journal(place: .page(JournalRecord.encode(records, inline: bytes))), bytes)
        }
        let source: ByteSource
        if bytes.staged != nil {
            source = bytes
        } else {
            let file = try StagedFile(for: segment, expecting: bytes.count)
            try file.append(UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
            try file.seal()
            source = file.source(0..<file.count)
        }
        guard let (file, start) = source.staged else { preconditionFailure("a sealed file is a staged source") }
        let staged = try file.append(records: JournalRecord.encode(records, dataOffset: start))
        return (Journal(place: .staged(file, records: staged)), source)
    }

    /// Stores the journal in the page, complete before the sequence becomes odd.
    func store(in segment: Segment, sequence: UInt64, coversWhole: Bool) throws(SegmentError) {
        var head = JournalHead(
            kind: 1,
            flags: coversWhole ? 1 : 0,
            sequence: sequence,
            uuid: segment.uuid,
            byteCount: 0,
            file: UUID(high: 0, low: 0)
        )
        let payload: [UInt8]
        var staged: [StagedRecords] = []
        switch place {
        case .page(let bytes):
            payload = bytes
            try segment.guarded { mapping throws(MappingFault) in
                try payload.withUnsafeBytesTyped { bytes throws(MappingFault) in
                    try mapping.copy(bytes, to: Self.payloadOffset)
                }
            }
            Failpoint.pass("journal's payload")
        case .staged(let file, let records):
            head.kind = 2
            head.file = file.identity
            payload = try file.writeHead([records.entry(segment.uuid, sequence)], isCommitted: true)
            staged = [records]
        }
        head.byteCount = UInt64(payload.count + staged.reduce(0) { $0 + $1.byteCount })
        try Self.store(head.encoded(crcOver: payload, then: staged), in: segment)
    }

    /// Stores an encoded head in the page.
    static func store(_ head: [UInt8], in segment: Segment) throws(SegmentError) {
        try segment.guarded { mapping throws(MappingFault) in
            try head.withUnsafeBytesTyped { bytes throws(MappingFault) in
                try mapping.copy(bytes, to: offset)
            }
        }
        Failpoint.pass("journal's head")
    }

    /// The write ended: the page names no journal any more, and the staged file goes.
    ///
    /// A page that is gone names none either.
    func clear(in segment: Segment) {
        guard case .staged(let file, _) = place else { return }
        if (try? Self.forget(in: segment)) != nil { file.retire() } else { file.unlink() }
    }

    /// Says in the page that there is no journal.
    static func forget(in segment: Segment) throws(SegmentError) {
        try segment.guarded { mapping throws(MappingFault) in
            try [UInt8](repeating: 0, count: 4).withUnsafeBytesTyped { bytes throws(MappingFault) in
                try mapping.copy(bytes, to: offset)
            }
        }
        Failpoint.pass("journal forgotten")
    }

    /// The journal of the write that died at the odd `sequence`; nil if there is none that can be trusted.
    ///
    /// Its uuid, sequence and checksum hold, and its records stay inside the segment. Nothing is written.
    ///
    /// A staged file that exists and cannot be read is an error: somebody else can replay it, and a write now could
    /// lose what was acknowledged.
    static func verified(in segment: Segment, at sequence: UInt64) throws(SegmentError) -> VerifiedJournal? {
        let page = try Self.page(of: segment)
        guard let head = JournalHead(decoding: page), head.sequence == sequence, head.uuid == segment.uuid
        else { return nil }
        switch head.kind {
        case 1:
            guard head.byteCount <= UInt64(capacity) else { return nil }
            let payload = Array(page[64..<(64 + Int(head.byteCount))])
            guard head.checksum(over: payload) == head.crc,
                let records = JournalRecord.decode(payload, dataIn: nil, for: segment)
            else { return nil }
            return VerifiedJournal(
                head: head,
                records: records,
                isCommitted: true,
                payload: payload,
                file: nil,
                fileBytes: 0
            )
        case 2, 3: return try StagedFile.verified(head, in: segment)
        default: return nil
        }
    }

    /// Unlinks the staged file of a write that was recovered, unless other segments may need it too.
    ///
    /// Only for a journal that was verified: any other could name the file of a write that somebody else still needs.
    /// What stays is for the sweep.
    static func discard(_ journal: borrowing VerifiedJournal, in segment: Segment) {
        guard journal.head.kind == 2 else { return }
        try? forget(in: segment)
        segment.directory.unlinkTemporary(StagedFile.name(journal.head.file))
    }

    private static func page(of segment: Segment) throws(SegmentError) -> [UInt8] {
        var page = [UInt8](repeating: 0, count: ControlPage.pageBytes - offset)
        try segment.guarded { mapping throws(MappingFault) in
            try mapping.copy(offset, into: &page)
        }
        return page
    }
}

extension Array where Element == UInt8 {
    /// `withUnsafeBytes` with a typed error.
    func withUnsafeBytesTyped<E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        let result: Result<Void, E> = withUnsafeBytes { bytes in
            Result { () throws(E) in try body(bytes) }
        }
        try result.get()
    }
}
