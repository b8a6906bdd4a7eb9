internal import Codings
internal import Layouts

/// An Arrow stream or file that somebody sent: its columns, and where their rows are.
///
/// Reading it checks everything that needs no look at the elements: when it is there, every buffer lies in the body and
/// is as long as its rows need. Packed buffers are unpacked when a column is read, and not before. The body has to
/// stay for as long as this does.
package struct ArrowBody {
    private(set) var fields: [ArrowField] = []
    /// Keys and values about the whole.
    private(set) var metadata: [String: String] = [:]
    private(set) var batches: [Batch] = []
    /// How many rows all batches have together.
    package private(set) var rowCount = 0
    /// How many bytes packed buffers unpack to, all together.
    package private(set) var unpackedByteCount = 0
    private var dictionaries: [Int64: ArrowDictionary] = [:]
    private var dictionaryCount = 0
    /// Dictionaries whose values are counted; batches keep them.
    private var countedDictionaries: Set<ObjectIdentifier> = []
    /// The most bytes that packed buffers may unpack to.
    let limit: Int

    /// Rows that stand in one message.
    struct Batch {
        let rowCount: Int
        /// One for each column, with the dictionary as it was when the batch came.
        let columns: [(run: ArrowRun, dictionary: ArrowDictionary?)]
    }

    /// So many columns may there be, as a layout may have arrays.
    private static let mostColumns = 100_000
    /// So many messages may bring dictionaries or go on with them.
    private static let mostDictionaries = 10_000
    /// So many pairs may the metadata have, and so many bytes may names and metadata have together.
    private static let mostPairs = 10_000
    private static let mostTextBytes = 32 << 20
    /// More rows than any machine can hold.
    private static let mostRows = 1 << 48
    private static let magic = Array("ARROW1".utf8)

    /// Reads what a body is made of; packed buffers may unpack to `limit` bytes together.
    ///
    /// A type that no segment has is ``LayoutError/invalidDType(_:)``, all else ``RepresentationError``.
    package init(reading bytes: UnsafeRawBufferPointer, asFile: Bool, limit: Int) throws {
        self.limit = limit
        let isFile = bytes.prefix(6).elementsEqual(Self.magic)
        guard isFile == asFile else {
            throw RepresentationError.invalidBody(
                isFile
                    ? "expected an Arrow stream, got a file, which is application/vnd.apache.arrow.file"
                    : "expected an Arrow file, which begins with ARROW1; a stream is application/vnd.apache.arrow.stream"
            )
        }
        if asFile { try readFile(bytes) } else { try readStream(bytes) }
    }

    private mutating func readStream(_ bytes: UnsafeRawBufferPointer) throws {
        var next = 0
        guard let schema = try ArrowMessage(bytes, at: &next), schema.kind == .schema else {
            throw RepresentationError.invalidBody("expected an Arrow stream, which begins with a schema")
        }
        try readSchema(schema.table)
        while let message = try ArrowMessage(bytes, at: &next) { try read(message) }
        guard next == bytes.count else {
            throw RepresentationError.invalidBody(
                "\(bytes.count - next) bytes stand behind the end of the Arrow stream"
            )
        }
    }

    private mutating func read(_ message: ArrowMessage) throws {
        switch message.kind {
        case .schema: throw RepresentationError.invalidBody("expected one schema in an Arrow body, got another one")
        case .dictionary: try readDictionary(message)
        case .batch: try readBatch(message)
        }
    }

    /// Reads dictionaries and batches where the footer says that they are.
    private mutating func readFile(_ bytes: UnsafeRawBufferPointer) throws {
        let end = bytes.count - 10
        guard end >= 8, bytes.suffix(6).elementsEqual(Self.magic) else {
            throw RepresentationError.invalidBody("the Arrow file does not end with ARROW1, as a whole one does")
        }
        let count = Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: Int32.self)))
        guard count > 0, count <= end - 8 else {
            throw RepresentationError.invalidBody("the footer of the Arrow file leaves it")
        }
        let footer = try FlatTable(root: UnsafeRawBufferPointer(rebasing: bytes[end - count..<end]))
        guard let schema = try footer.table(1) else {
            throw RepresentationError.invalidBody("the footer of the Arrow file has no schema")
        }
        try readSchema(schema)
        // What blocks have together is no more than the file has, so that none is read again and again.
        var left = bytes.count
        for (field, kind) in [(2, ArrowMessage.Kind.dictionary), (3, .batch)] {
            for block in try footer.structs(field, words: 3) {
                let (offset, head, body) = (block[0], Int64(Int32(truncatingIfNeeded: block[1])), block[2])
                guard offset >= 8, head > 0, body >= 0, offset <= Int64(bytes.count), head <= Int64(left),
                    body <= Int64(left) - head
                else { throw RepresentationError.invalidBody("a block of the Arrow file leaves it") }
                left -= Int(head + body)
                var next = Int(offset)
                guard let message = try ArrowMessage(bytes, at: &next), message.kind == kind,
                    next - Int(offset) == head + body
                else { throw RepresentationError.invalidBody("a block of the Arrow file is no message") }
                try read(message)
            }
        }
    }

    private mutating func readSchema(_ schema: FlatTable) throws {
        let order: Int16 = try schema.number(0)
        guard order == 0 else { throw RepresentationError.invalidBody("expected a little-endian Arrow body") }
        // Offsets may lead to one text again and again, so what is read is counted, and not what was sent.
        var textBytes = 0
        for table in try schema.tables(1, atMost: Self.mostColumns) {
            fields.append(try ArrowField(table))
            try Self.count(fields[fields.count - 1].textByteCount, &textBytes)
        }
        for pair in try schema.tables(2, atMost: Self.mostPairs) {
            guard let key = try pair.string(0), let value = try pair.string(1) else { continue }
            try Self.count(key.utf8.count + value.utf8.count, &textBytes)
            metadata[key] = value
        }
    }

    private static func count(_ more: Int, _ textBytes: inout Int) throws(RepresentationError) {
        textBytes += more
        guard textBytes <= mostTextBytes else {
            throw .tooLarge("expected names and metadata of at most \(mostTextBytes) bytes together, got more")
        }
    }

    private mutating func readDictionary(_ message: ArrowMessage) throws {
        let id: Int64 = try message.table.number(0)
        let isDelta: UInt8 = try message.table.number(2)
        guard let field = fields.first(where: { $0.dictionary?.id == id }), let batch = try message.table.table(1)
        else {
            throw RepresentationError.invalidBody("an Arrow dictionary belongs to no column")
        }
        var buffers = try Buffers(batch, message.body)
        let run = try buffers.next(field.storage, of: field.name)
        try buffers.finish()
        try count(run.unpackedByteCount)
        dictionaryCount += 1
        guard dictionaryCount <= Self.mostDictionaries else {
            throw RepresentationError.tooLarge("expected at most \(Self.mostDictionaries) Arrow dictionaries, got more")
        }
        let known = isDelta != 0 ? dictionaries[id] : nil
        if isDelta != 0, known == nil {
            throw RepresentationError.invalidBody("an Arrow dictionary is continued before it began")
        }
        dictionaries[id] = ArrowDictionary(runs: (known?.runs ?? []) + [run])
    }

    private mutating func readBatch(_ message: ArrowMessage) throws {
        var buffers = try Buffers(message.table, message.body)
        var columns: [(ArrowRun, ArrowDictionary?)] = []
        for field in fields {
            let run = try buffers.next(field.rowStorage, of: field.name)
            guard run.count == buffers.rowCount else {
                throw RepresentationError.invalidBody("the columns of an Arrow batch have different numbers of rows")
            }
            try count(run.unpackedByteCount)
            let dictionary = field.dictionary.flatMap { dictionaries[$0.id] }
            if let dictionary, dictionary.runs.contains(where: { $0.storage != field.storage }) {
                throw RepresentationError.invalidBody("the column \"\(field.name)\" has the dictionary of another type")
            }
            // Each that a batch was sent with is unpacked by itself, also if it only goes on with another.
            if let dictionary, countedDictionaries.insert(ObjectIdentifier(dictionary)).inserted {
                try count(dictionary.costInBytes)
            }
            columns.append((run, dictionary))
        }
        try buffers.finish()
        guard buffers.rowCount <= Self.mostRows - rowCount else {
            throw RepresentationError.tooLarge("expected rows that a machine can hold, got more")
        }
        rowCount += buffers.rowCount
        batches.append(Batch(rowCount: buffers.rowCount, columns: columns))
    }

    private mutating func count(_ byteCount: Int) throws(RepresentationError) {
        guard byteCount <= limit - unpackedByteCount else {
            throw .tooLarge("expected Arrow buffers that unpack to at most \(limit) bytes, got more")
        }
        unpackedByteCount += byteCount
    }
}

extension ArrowBody {
    /// The nodes and buffers of a batch, taken column by column.
    private struct Buffers {
        let rowCount: Int
        private let body: UnsafeRawBufferPointer
        private let nodes: [[Int64]]
        private let places: [[Int64]]
        private let variadicCounts: [Int64]
        private let coding: Coding?
        private var node = 0
        private var place = 0
        private var variadic = 0

        init(_ batch: FlatTable, _ body: UnsafeRawBufferPointer) throws(RepresentationError) {
            let rows: Int64 = try batch.number(0)
            guard rows >= 0, rows <= ArrowBody.mostRows else {
                throw .invalidBody("expected an Arrow batch of 0 rows or more, got \(rows)")
            }
            rowCount = Int(rows)
            self.body = body
            nodes = try batch.structs(1, words: 2)
            places = try batch.structs(2, words: 2)
            variadicCounts = try batch.structs(4, words: 1).map { $0[0] }
            guard let compression = try batch.table(3) else {
                coding = nil
                return
            }
            let codec: UInt8 = try compression.number(0)
            let method: UInt8 = try compression.number(1)
            guard codec < 2, method == 0 else {
                throw .invalidBody("expected Arrow buffers packed by LZ4_FRAME or ZSTD, got the codec \(codec)")
            }
            coding = codec == 0 ? .lz4Frame : .zstd
        }

        mutating func next(_ storage: ArrowStorage, of name: String) throws(RepresentationError) -> ArrowRun {
            var count = storage.bufferCount
            if case .views = storage {
                guard variadic < variadicCounts.count, (0...Int64(places.count)).contains(variadicCounts[variadic])
                else {
                    throw Self.missing
                }
                count += Int(variadicCounts[variadic])
                variadic += 1
            }
            guard node < nodes.count, count <= places.count - place else { throw Self.missing }
            let (rows, nulls) = (nodes[node][0], nodes[node][1])
            guard rows >= 0, rows <= ArrowBody.mostRows else { throw Self.missing }
            var buffers: [ArrowBuffer] = []
            for item in places[place..<place + count] {
                buffers.append(try ArrowBuffer(body, item[0], item[1], coding))
            }
            node += 1
            place += count
            return try ArrowRun(storage, count: Int(rows), nullCount: nulls, buffers, of: name)
        }

        /// Refuses what no column has taken.
        func finish() throws(RepresentationError) {
            guard node == nodes.count, place == places.count else { throw Self.missing }
        }

        private static var missing: RepresentationError {
            .invalidBody("the buffers of an Arrow batch are not those of its columns")
        }
    }
}
