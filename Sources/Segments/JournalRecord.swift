/// One strided piece of a journaled write: where its bytes belong, and where they are.
///
/// | type | field |
/// |---|---|
/// | u64 | offset in the segment |
/// | u32 | rank |
/// | u32 | itemsize |
/// | u64 × rank | shape |
/// | i64 × rank | strides in bytes |
/// | | in the page: the bytes; in a staged file: u64, their offset in that file |
struct JournalRecord {
    /// The target; its axes have strides, never tables.
    var region: Region
    /// Where its packed bytes start: in the payload, or in the staged file.
    var dataOffset = 0

    /// Bytes of the record without its data.
    var headBytes: Int { 16 + 16 * region.axes.count }
    /// Bytes of data.
    var byteCount: Int { region.byteCount }

    /// Redoes this piece, in the segment or a copy of it, from the bytes that `dataOffset` counts in.
    func redo(onto target: borrowing Mapping, from bytes: UnsafeRawBufferPointer) throws(MappingFault) {
        guard let base = bytes.baseAddress, byteCount > 0 else { return }
        try target.scatter(region, from: base + dataOffset)
    }
}
