extension JournalRecord {
    /// The payload of kind 1: each record with its bytes.
    static func encode(_ records: [JournalRecord], inline bytes: ByteSource) -> [UInt8] {
        let byteCount = records.reduce(0) { $0 + $1.headBytes + $1.byteCount }
        if byteCount == 0 { return [] }  // an array of none is one of all threads, and this would store its count in it
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            var writer = PayloadWriter(buffer)
            var next = bytes.base
            for record in records {
                writer.put(record)
                writer.put(UnsafeRawBufferPointer(start: next, count: record.byteCount))
                next += record.byteCount
            }
            count = writer.count
        }
    }

    /// The records of a staged file whose packed bytes start at `dataOffset`.
    static func encode(_ records: [JournalRecord], dataOffset: Int) -> [UInt8] {
        let byteCount = records.reduce(0) { $0 + $1.headBytes + 8 }
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            var writer = PayloadWriter(buffer)
            var next = dataOffset
            for record in records {
                writer.put(record)
                writer.put(UInt64(next))
                next += record.byteCount
            }
            count = writer.count
        }
    }
}

/// Puts little-endian numbers and bytes one after the other into memory that was measured for them.
private struct PayloadWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ memory: UnsafeMutableBufferPointer<UInt8>) { self.memory = UnsafeMutableRawBufferPointer(memory) }

    mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        memory.storeBytes(of: number.littleEndian, toByteOffset: count, as: Number.self)
        count += MemoryLayout<Number>.size
    }

    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    /// All of a record but its data.
    mutating func put(_ record: JournalRecord) {
        let region = record.region
        put(UInt64(region.byteOffset))
        put(UInt32(region.axes.count))
        put(UInt32(region.itemByteCount))
        for axis in region.axes { put(UInt64(axis.count)) }
        for axis in region.axes { put(Int64(axis.byteStride)) }
    }
}

extension [UInt8] {
    /// Appends a number's little-endian bytes.
    mutating func append(_ number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}
