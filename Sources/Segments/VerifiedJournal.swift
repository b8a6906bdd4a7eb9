/// A journal whose uuid, sequence and checksum hold for a segment whose writer died.
struct VerifiedJournal: ~Copyable {
    let head: JournalHead
    let records: [JournalRecord]
    /// False: the writer died before it wrote a byte of the segment.
    let isCommitted: Bool
    /// The payload of a journal in the page; empty for one in a staged file.
    let payload: [UInt8]
    /// The staged file, and how much of it there was when it was checked.
    let file: FileDescriptor?
    let fileBytes: Int

    /// Whether its replay makes the segment whole again, whatever it was before.
    var clearsDamage: Bool { isCommitted && head.flags & 1 == 1 }

    /// Does the write again, onto the segment's own mapping or a copy.
    borrowing func redo(in segment: Segment, onto target: borrowing Mapping) throws(SegmentError) {
        if !isCommitted { return }
        switch file {
        case .none:
            do throws(MappingFault) {
                try payload.withUnsafeBytesTyped { bytes throws(MappingFault) in
                    for record in records { try record.redo(onto: target, from: bytes) }
                }
            } catch {
                throw error.error(segment.name)
            }
        case .some(let file):
            let mapping: Mapping
            do throws(SystemError) {
                mapping = try Mapping(file, count: fileBytes, writable: false)
            } catch {
                throw .system(error)
            }
            let bytes = UnsafeRawBufferPointer(start: mapping.base, count: mapping.count)
            do throws(MappingFault) {
                for record in records { try record.redo(onto: target, from: bytes) }
            } catch {
                throw error.error(segment.name)
            }
            withExtendedLifetime(mapping) {}
        }
    }
}
