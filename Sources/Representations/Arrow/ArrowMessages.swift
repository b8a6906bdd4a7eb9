/// The messages of Arrow's interprocess format, version 1.0 and later.
enum ArrowMessages {
    /// Stands before the length of each message's metadata.
    private static let continuation = [UInt8](repeating: 0xFF, count: 4)
    /// The end of a stream: a message without metadata.
    static let end = continuation + [0, 0, 0, 0]
    private static let version5: Int16 = 4

    /// The first message: what the columns are.
    ///
    /// `metadata` are keys and values about the whole.
    static func schema(_ columns: [ArrowColumn], _ metadata: [(String, String)]) -> [UInt8] {
        var flat = FlatBuffer()
        let schema = schema(columns, metadata, in: &flat)
        return message(1, schema, bodyByteCount: 0, flat)
    }

    /// A message of rows; the buffers stand behind it, in order, each on a multiple of eight.
    static func batch(rows: Int, _ columns: [(missing: Int, buffers: [ArrowPiece])]) -> (bytes: [UInt8], body: Int) {
        var flat = FlatBuffer()
        var places: [[Int64]] = []
        var next = 0
        for buffer in columns.flatMap(\.buffers) {
            places.append([Int64(next), Int64(buffer.count)])
            next += padded(buffer.count)
        }
        let nodes = flat.vector(ofStructs: columns.map { [Int64(rows), Int64($0.missing)] })
        let buffers = flat.vector(ofStructs: places)
        let batch = flat.table([(0, .long(Int64(rows))), (1, .reference(nodes)), (2, .reference(buffers))])
        return (message(3, batch, bodyByteCount: next, flat), next)
    }

    /// What stands at the end of a file: the schema again, and where the batches are.
    static func footer(
        _ columns: [ArrowColumn],
        _ metadata: [(String, String)],
        _ batches: [(offset: Int, metadata: Int, body: Int)]
    ) -> [UInt8] {
        var flat = FlatBuffer()
        let schema = schema(columns, metadata, in: &flat)
        let blocks = flat.vector(
            ofStructs: batches.map { [Int64($0.offset), Int64($0.metadata), Int64($0.body)] }
        )
        let root = flat.table([(0, .short(version5)), (1, .reference(schema)), (3, .reference(blocks))])
        return flat.finish(root)
    }

    /// The least multiple of eight that is not below a count.
    static func padded(_ count: Int) -> Int { (count + 7) & ~7 }

    private static func schema(
        _ columns: [ArrowColumn],
        _ metadata: [(String, String)],
        in flat: inout FlatBuffer
    ) -> FlatBuffer.Place {
        let fields = columns.map { column in
            let name = flat.string(column.name)
            let (number, type) = column.type.table(in: &flat)
            let children = flat.vector([])
            return flat.table([
                (0, .reference(name)), (1, .byte(1)), (2, .byte(number)), (3, .reference(type)),
                (5, .reference(children)),
            ])
        }
        let pairs = metadata.map { key, value in
            let (key, value) = (flat.string(key), flat.string(value))
            return flat.table([(0, .reference(key)), (1, .reference(value))])
        }
        let list = flat.vector(fields)
        let about = flat.vector(pairs)
        return flat.table([(0, .short(0)), (1, .reference(list)), (2, .reference(about))])
    }

    private static func message(
        _ kind: UInt8,
        _ header: FlatBuffer.Place,
        bodyByteCount: Int,
        _ built: FlatBuffer
    ) -> [UInt8] {
        var flat = built
        let root = flat.table([
            (0, .short(version5)), (1, .byte(kind)), (2, .reference(header)), (3, .long(Int64(bodyByteCount))),
        ])
        let metadata = flat.finish(root)
        let count = UInt32(metadata.count)
        return continuation + withUnsafeBytes(of: count.littleEndian) { Array($0) } + metadata
    }
}
