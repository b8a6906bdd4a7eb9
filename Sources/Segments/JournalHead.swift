internal import CZlib

/// The head of a journal as it stands in the control page.
struct JournalHead {
    var kind: UInt32
    var flags: UInt32
    var sequence: UInt64
    var uuid: UUID
    var byteCount: UInt64
    var file: UUID
    var crc: UInt32 = 0

    /// The 56 bytes, then the checksum over them, `payload` and the records behind it, then four bytes of padding.
    func encoded(crcOver payload: [UInt8], then records: [StagedRecords] = []) -> [UInt8] {
        var sum = checksum(over: payload)
        for part in records {
            sum = UInt32(truncatingIfNeeded: crc32_combine(UInt(sum), UInt(part.crc), part.byteCount))
        }
        var bytes = fields
        bytes.append(sum)
        bytes.append(contentsOf: [0, 0, 0, 0])
        return bytes
    }

    /// zlib's CRC-32 over the 56 bytes and then `payload`.
    func checksum(over payload: [UInt8]) -> UInt32 { Self.checksum(of: payload, after: Self.checksum(of: fields)) }

    /// zlib's CRC-32 over bytes, after those that have the checksum `sum`.
    static func checksum(of bytes: [UInt8], after sum: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32_z(UInt(sum), $0.baseAddress, $0.count)) }
    }

    private var fields: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Journal.headBytes)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeBytes(of: kind, as: UInt32.self)
            base.storeBytes(of: flags, toByteOffset: 4, as: UInt32.self)
            base.storeBytes(of: sequence, toByteOffset: 8, as: UInt64.self)
            uuid.store(to: base + 16)
            base.storeBytes(of: byteCount, toByteOffset: 32, as: UInt64.self)
            file.store(to: base + 40)
        }
        return bytes
    }
}

extension JournalHead {
    /// Reads the head; nil if there are too few bytes.
    init?(decoding bytes: [UInt8]) {
        guard bytes.count >= 64 else { return nil }
        self = bytes.withUnsafeBytes { buffer in
            let none = UUID(high: 0, low: 0)
            guard let base = buffer.baseAddress else {
                return JournalHead(kind: 0, flags: 0, sequence: 0, uuid: none, byteCount: 0, file: none)
            }
            return JournalHead(
                kind: base.load(as: UInt32.self),
                flags: base.load(fromByteOffset: 4, as: UInt32.self),
                sequence: base.load(fromByteOffset: 8, as: UInt64.self),
                uuid: UUID(bytes: base + 16),
                byteCount: base.load(fromByteOffset: 32, as: UInt64.self),
                file: UUID(bytes: base + 40),
                crc: base.load(fromByteOffset: 56, as: UInt32.self)
            )
        }
    }
}
