internal import Codings
internal import Glibc
internal import Layouts

/// Some bytes of a message, as they are or packed.
struct ArrowBuffer {
    fileprivate let bytes: UnsafeRawBufferPointer
    fileprivate let coding: Coding?
    /// How many there are unpacked.
    let count: Int

    /// The bytes from `offset` on in the body of a message.
    ///
    /// A packed buffer says first how many bytes it unpacks to, -1 if it was not worth it.
    init(
        _ body: UnsafeRawBufferPointer,
        _ offset: Int64,
        _ length: Int64,
        _ coding: Coding?
    ) throws(RepresentationError) {
        guard offset >= 0, length >= 0, offset <= Int64(body.count), length <= Int64(body.count) - offset else {
            throw .invalidBody("a buffer of an Arrow message leaves its body")
        }
        let bytes = UnsafeRawBufferPointer(rebasing: body[Int(offset)..<Int(offset + length)])
        guard let coding, length > 0 else {
            self.bytes = bytes
            self.coding = nil
            count = bytes.count
            return
        }
        guard bytes.count >= 8 else { throw .invalidBody("a packed buffer of an Arrow message has no length") }
        let wanted = Int64(littleEndian: bytes.loadUnaligned(as: Int64.self))
        guard wanted >= -1, wanted < 1 << 48 else {
            throw .invalidBody("a packed buffer of an Arrow message has the length \(wanted)")
        }
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes[8...])
        self.coding = wanted < 0 ? nil : coding
        count = wanted < 0 ? bytes.count - 8 : Int(wanted)
    }

    /// How many bytes it needs beside those of the body.
    var unpackedByteCount: Int { coding == nil ? 0 : count }
}

/// Rows of one column in one message; its buffers are as long as its rows need.
struct ArrowRun {
    let storage: ArrowStorage
    let count: Int
    /// Whether some of the rows may be null; the first buffer then says which.
    let hasNulls: Bool
    let buffers: [ArrowBuffer]

    init(
        _ storage: ArrowStorage,
        count: Int,
        nullCount: Int64,
        _ buffers: [ArrowBuffer],
        of name: String
    ) throws(RepresentationError) {
        self.storage = storage
        self.count = count
        self.buffers = buffers
        hasNulls = nullCount != 0 && count > 0
        if hasNulls { try Self.require((count + 7) / 8, buffers[0], "which rows are null", name) }
        switch storage {
        case .bits: try Self.require((count + 7) / 8, buffers[1], "bools", name)
        case .days: try Self.require(count.multipliedReportingOverflow(by: 4), buffers[1], name)
        case .elements(let dtype):
            try Self.require(count.multipliedReportingOverflow(by: dtype.byteCount), buffers[1], name)
        case .views: try Self.require(count.multipliedReportingOverflow(by: 16), buffers[1], name)
        case .texts(let size, _) where count > 0:
            try Self.require((count + 1).multipliedReportingOverflow(by: size), buffers[1], name)
        case .texts: break
        }
    }

    /// What unpacking needs beside the body.
    var unpackedByteCount: Int { buffers.reduce(0) { $0 + $1.unpackedByteCount } }

    private static func require(
        _ wanted: (partialValue: Int, overflow: Bool),
        _ buffer: ArrowBuffer,
        _ name: String
    ) throws(RepresentationError) {
        try require(wanted.overflow ? .max : wanted.partialValue, buffer, "its rows", name)
    }

    private static func require(
        _ wanted: Int,
        _ buffer: ArrowBuffer,
        _ what: String,
        _ name: String
    ) throws(RepresentationError) {
        guard buffer.count >= wanted else {
            throw .invalidBody(
                "expected \(wanted) bytes for \(what) in the column \"\(name)\" of the Arrow body, got \(buffer.count)"
            )
        }
    }
}

/// The elements of a run, unpacked.
struct ArrowElements {
    let storage: ArrowStorage
    let count: Int
    let hasNulls: Bool
    /// The first one where there are nulls, then the buffers of the elements.
    private let buffers: [UnsafeRawBufferPointer]
    private let owners: [ArrowMemory]

    init(unpacking run: ArrowRun) throws(RepresentationError) {
        storage = run.storage
        count = run.count
        hasNulls = run.hasNulls
        var buffers: [UnsafeRawBufferPointer] = []
        var owners: [ArrowMemory] = []
        for (number, buffer) in run.buffers.enumerated() {
            guard let coding = buffer.coding, number > 0 || run.hasNulls else {
                buffers.append(buffer.bytes)
                continue
            }
            let memory = try ArrowMemory(byteCount: buffer.count)
            do throws(CodingError) {
                try Unpacker.unpack(buffer.bytes, coding, exactly: memory.bytes)
            } catch {
                throw .invalidBody("expected a buffer of \(buffer.count) bytes as \(coding.rawValue), got \(error)")
            }
            owners.append(memory)
            buffers.append(UnsafeRawBufferPointer(memory.bytes))
        }
        self.buffers = buffers
        self.owners = owners
    }

    /// Whether a row is null.
    func isNull(_ row: Int) -> Bool { hasNulls && buffers[0][row / 8] & (1 << UInt8(row % 8)) == 0 }

    /// The bytes of the elements that are packed.
    var packed: UnsafeRawBufferPointer { buffers[1] }

    /// Whether a bool is true.
    func bit(_ row: Int) -> Bool { buffers[1][row / 8] & (1 << UInt8(row % 8)) != 0 }

    /// The days of a date.
    func days(_ row: Int) -> Int64 {
        Int64(Int32(littleEndian: buffers[1].loadUnaligned(fromByteOffset: 4 * row, as: Int32.self)))
    }

    /// The bytes of a text that is not null; they are valid while the elements are.
    func text(_ row: Int) throws(RepresentationError) -> UnsafeRawBufferPointer {
        let text: UnsafeRawBufferPointer
        let isUTF8: Bool
        switch storage {
        case .texts(let size, let isText):
            isUTF8 = isText
            let (start, end) = (offset(row, size), offset(row + 1, size))
            guard start >= 0, start <= end, end <= Int64(buffers[2].count) else {
                throw .invalidBody("a text of the Arrow body leaves its buffer")
            }
            text = UnsafeRawBufferPointer(rebasing: buffers[2][Int(start)..<Int(end)])
        case .views(let isText):
            isUTF8 = isText
            text = try view(row)
        case .bits, .days, .elements: preconditionFailure("a text is asked of a column of texts")
        }
        if isUTF8, text.contains(where: { $0 >= 0x80 }), String(validating: text, as: UTF8.self) == nil {
            throw .invalidBody("a text of the Arrow body is no UTF-8")
        }
        return text
    }

    private func offset(_ number: Int, _ size: Int) -> Int64 {
        if size == 4 {
            return Int64(Int32(littleEndian: buffers[1].loadUnaligned(fromByteOffset: 4 * number, as: Int32.self)))
        }
        return Int64(littleEndian: buffers[1].loadUnaligned(fromByteOffset: 8 * number, as: Int64.self))
    }

    private func view(_ row: Int) throws(RepresentationError) -> UnsafeRawBufferPointer {
        let word = UnsafeRawBufferPointer(rebasing: buffers[1][16 * row..<16 * row + 16])
        let length = Int(Int32(littleEndian: word.loadUnaligned(as: Int32.self)))
        if (0...12).contains(length) { return UnsafeRawBufferPointer(rebasing: word[4..<4 + length]) }
        let number = Int(Int32(littleEndian: word.loadUnaligned(fromByteOffset: 8, as: Int32.self)))
        let start = Int(Int32(littleEndian: word.loadUnaligned(fromByteOffset: 12, as: Int32.self)))
        guard length > 0, number >= 0, number < buffers.count - 2, start >= 0, start <= buffers[2 + number].count,
            length <= buffers[2 + number].count - start
        else { throw .invalidBody("a text of the Arrow body leaves its buffer") }
        return UnsafeRawBufferPointer(rebasing: buffers[2 + number][start..<start + length])
    }
}

/// Memory for what was unpacked.
final class ArrowMemory {
    let bytes: UnsafeMutableRawBufferPointer

    /// Zeros.
    init(byteCount: Int) throws(RepresentationError) {
        guard let base = calloc(1, max(byteCount, 1)) else {
            throw .outOfMemory("no memory for \(byteCount) bytes of an Arrow body")
        }
        bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    deinit { free(bytes.baseAddress) }
}
