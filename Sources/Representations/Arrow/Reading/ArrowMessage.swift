/// One message of an Arrow body: metadata, and the bytes that they are about.
struct ArrowMessage {
    /// Which message it is.
    enum Kind: UInt8 {
        case schema = 1
        case dictionary = 2
        case batch = 3
    }

    let kind: Kind
    let table: FlatTable
    let body: UnsafeRawBufferPointer

    /// Reads the message at an offset, which then is behind it; nil at the end of the stream.
    ///
    /// A stream may end with the word for it, or with its last byte. Messages before version 0.15 have no continuation
    /// mark before their length.
    init?(_ bytes: UnsafeRawBufferPointer, at next: inout Int) throws(RepresentationError) {
        if next == bytes.count { return nil }
        var count = try Self.length(bytes, at: &next)
        if count == -1 { count = try Self.length(bytes, at: &next) }
        if count == 0 { return nil }
        guard count > 0, Int(count) <= bytes.count - next else { throw Self.truncated }
        let root = try FlatTable(root: UnsafeRawBufferPointer(rebasing: bytes[next..<next + Int(count)]))
        next += Int(count)
        let version: Int16 = try root.number(0)
        guard version == 3 || version == 4 else {
            throw .invalidBody("expected Arrow messages of version 4 or 5, got \(Int(version) + 1)")
        }
        let number: UInt8 = try root.number(1)
        guard let kind = Kind(rawValue: number), let table = try root.table(2) else {
            throw .invalidBody("expected an Arrow schema, dictionary or batch, got a message of kind \(number)")
        }
        let bodyByteCount: Int64 = try root.number(3)
        guard bodyByteCount >= 0, bodyByteCount <= Int64(bytes.count - next) else { throw Self.truncated }
        self.kind = kind
        self.table = table
        body = UnsafeRawBufferPointer(rebasing: bytes[next..<next + Int(bodyByteCount)])
        next += Int(bodyByteCount)
    }

    private static func length(_ bytes: UnsafeRawBufferPointer, at next: inout Int) throws(RepresentationError) -> Int32
    {
        guard bytes.count - next >= 4 else { throw truncated }
        defer { next += 4 }
        return Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: next, as: Int32.self))
    }

    private static var truncated: RepresentationError { .invalidBody("the Arrow body ends inside a message") }
}
