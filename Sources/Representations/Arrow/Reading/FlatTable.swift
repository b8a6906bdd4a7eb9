/// A table in a flatbuffer that a stranger made: every offset is checked before it is followed.
struct FlatTable {
    private let bytes: UnsafeRawBufferPointer
    /// Where the table begins, and how many bytes it has.
    private let start: Int
    private let byteCount: Int
    /// Where the table of its fields begins, and how many there are.
    private let fields: Int
    private let fieldCount: Int

    /// The table at the root of a flatbuffer.
    init(root bytes: UnsafeRawBufferPointer) throws(RepresentationError) {
        guard bytes.count >= 4 else { throw Self.malformed }
        try self.init(bytes, at: Int(bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)))
    }

    private init(_ bytes: UnsafeRawBufferPointer, at start: Int) throws(RepresentationError) {
        guard start <= bytes.count - 4 else { throw Self.malformed }
        let back = Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Int32.self)))
        let about = start - back
        guard about >= 0, about <= bytes.count - 4 else { throw Self.malformed }
        let size = Int(bytes.loadUnaligned(fromByteOffset: about, as: UInt16.self))
        let byteCount = Int(bytes.loadUnaligned(fromByteOffset: about + 2, as: UInt16.self))
        guard size >= 4, size % 2 == 0, size <= bytes.count - about, byteCount >= 4, byteCount <= bytes.count - start
        else { throw Self.malformed }
        self.bytes = bytes
        self.start = start
        self.byteCount = byteCount
        fields = about + 4
        fieldCount = (size - 4) / 2
    }

    private static var malformed: RepresentationError { .invalidBody("the metadata of an Arrow message are malformed") }

    /// A number by its place in the table's definition; the default where it is left out.
    func number<Number: FixedWidthInteger>(
        _ field: Int,
        default value: Number = 0
    ) throws(RepresentationError) -> Number {
        guard let place = try place(field, MemoryLayout<Number>.size) else { return value }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Number.self))
    }

    /// A table that the field refers to; nil where it is left out.
    func table(_ field: Int) throws(RepresentationError) -> FlatTable? {
        guard let place = try target(of: field) else { return nil }
        return try FlatTable(bytes, at: place)
    }

    /// A text; nil where it is left out, and an error for what is no UTF-8.
    func string(_ field: Int) throws(RepresentationError) -> String? {
        guard let items = try vector(field, itemByteCount: 1) else { return nil }
        guard let text = String(validating: items.bytes, as: UTF8.self) else {
            throw .invalidBody("a text in the metadata of an Arrow message is no UTF-8")
        }
        return text
    }

    /// A list of tables; none where it is left out.
    func tables(_ field: Int, atMost most: Int) throws(RepresentationError) -> [FlatTable] {
        guard let items = try vector(field, itemByteCount: 4) else { return [] }
        guard items.count <= most else {
            throw .tooLarge("expected at most \(most) columns, or pairs of metadata, got \(items.count)")
        }
        var tables: [FlatTable] = []
        for item in 0..<items.count {
            let place = items.start + 4 * item
            tables.append(
                try FlatTable(bytes, at: place + Int(bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
            )
        }
        return tables
    }

    /// A list of structs of 64-bit words; none where it is left out.
    func structs(_ field: Int, words: Int) throws(RepresentationError) -> [[Int64]] {
        guard let items = try vector(field, itemByteCount: 8 * words) else { return [] }
        return (0..<items.count).map { item in
            (0..<words).map { word in
                let place = items.start + 8 * (words * item + word)
                return Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Int64.self))
            }
        }
    }

    /// The items of a list, all of them inside the buffer.
    private func vector(
        _ field: Int,
        itemByteCount: Int
    ) throws(RepresentationError) -> (start: Int, count: Int, bytes: UnsafeRawBufferPointer)? {
        guard let place = try target(of: field) else { return nil }
        guard place <= bytes.count - 4 else { throw Self.malformed }
        let count = Int(bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
        let start = place + 4
        guard count <= (bytes.count - start) / itemByteCount else { throw Self.malformed }
        return (start, count, UnsafeRawBufferPointer(rebasing: bytes[start..<start + count * itemByteCount]))
    }

    /// Where the field refers to; perhaps behind the end of the buffer.
    private func target(of field: Int) throws(RepresentationError) -> Int? {
        guard let place = try place(field, 4) else { return nil }
        return place + Int(bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
    }

    /// Where the bytes of a field are; nil where it is left out.
    private func place(_ field: Int, _ size: Int) throws(RepresentationError) -> Int? {
        guard field < fieldCount else { return nil }
        let offset = Int(bytes.loadUnaligned(fromByteOffset: fields + 2 * field, as: UInt16.self))
        if offset == 0 { return nil }
        guard offset >= 4, offset <= byteCount - size else { throw Self.malformed }
        return start + offset
    }
}
