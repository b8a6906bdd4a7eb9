internal import Documents
internal import Layouts

/// A column of a table: its type, and where its elements are.
struct ArrowColumn {
    enum Values {
        /// Packed elements of a dtype.
        case packed(UnsafeRawPointer, DType)
        /// UTF-8 that nobody has checked.
        case texts([[UInt8]])
        /// Elements of a dtype that are not read yet, of a part by its number.
        case part(Int, DType)
    }

    let name: String
    let type: ArrowType
    let values: Values

    /// The buffers of a run of rows, in the order of the format: which rows are valid, offsets of texts, data.
    func buffers(_ rows: Range<Int>) -> (missing: Int, buffers: [ArrowPiece]) {
        switch (values, type) {
        case (.texts(let texts), _): return (0, textBuffers(rows) { Self.repaired(texts[$0]) })
        case (.packed(let base, let dtype), .largeText): return (0, textBuffers(rows) { Self.text(base, dtype, $0) })
        case (.packed(let base, let dtype), .bool):
            return (0, [.bytes([]), .made(count: (rows.count + 7) / 8) { Self.bits(rows) { base[$0, dtype] } }])
        case (.packed(let base, let dtype), .timestamp), (.packed(let base, let dtype), .duration):
            let isMissing = { (row: Int) in Self.int64(base, dtype, row) == DateTime.nat }
            let missing = rows.count(where: isMissing)
            let bitmap = ArrowPiece.made(count: (rows.count + 7) / 8) { Self.bits(rows) { !isMissing($0) } }
            return (missing, [missing == 0 ? .bytes([]) : bitmap, Self.data(base, dtype, rows)])
        case (.packed(let base, let dtype), .int), (.packed(let base, let dtype), .float):
            return (0, [.bytes([]), Self.data(base, dtype, rows)])
        case (.part(let number, let dtype), _):
            return (0, [.bytes([]), .elements(part: number, rows, byteCount: rows.count * dtype.byteCount)])
        }
    }

    private func textBuffers(_ rows: Range<Int>, _ text: @escaping (Int) -> [UInt8]) -> [ArrowPiece] {
        let count = rows.reduce(0) { $0 + text($1).count }
        let offsets = ArrowPiece.made(count: 8 * (rows.count + 1)) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(8 * (rows.count + 1))
            var next: Int64 = 0
            withUnsafeBytes(of: next.littleEndian) { bytes.append(contentsOf: $0) }
            for row in rows {
                next += Int64(text(row).count)
                withUnsafeBytes(of: next.littleEndian) { bytes.append(contentsOf: $0) }
            }
            return bytes
        }
        return [.bytes([]), offsets, .made(count: count) { rows.flatMap(text) }]
    }

    /// The elements themselves; in the machine's order, which is Arrow's.
    private static func data(_ base: UnsafeRawPointer, _ dtype: DType, _ rows: Range<Int>) -> ArrowPiece {
        let size = dtype.byteCount
        let run = UnsafeRawBufferPointer(start: base + rows.lowerBound * size, count: rows.count * size)
        guard dtype.isBigEndian else { return .memory(run) }
        return .made(count: run.count) {
            var bytes = [UInt8](run)
            for start in stride(from: 0, to: bytes.count, by: size) { bytes[start..<start + size].reverse() }
            return bytes
        }
    }

    private static func bits(_ rows: Range<Int>, _ isSet: (Int) -> Bool) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (rows.count + 7) / 8)
        for (number, row) in rows.enumerated() where isSet(row) { bytes[number / 8] |= 1 << UInt8(number % 8) }
        return bytes
    }

    private static func int64(_ base: UnsafeRawPointer, _ dtype: DType, _ row: Int) -> Int64 {
        Int64(bitPattern: integer(base + 8 * row, dtype.isBigEndian))
    }

    /// The text of an element of fixed width, without the NULs at its end.
    private static func text(_ base: UnsafeRawPointer, _ dtype: DType, _ row: Int) -> [UInt8] {
        let place = base + row * dtype.byteCount
        guard case .bytes(let count) = dtype.element else { return Array(codePoints(place, dtype).utf8) }
        let padded = UnsafeRawBufferPointer(start: place, count: count)
        let end = (padded.lastIndex { $0 != 0 } ?? -1) + 1
        return repaired(Array(padded[..<end]))
    }

    /// UTF-8 for sure: readers rely on it.
    private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil { return bytes }
        return Array(String(decoding: bytes, as: UTF8.self).utf8)
    }
}

extension UnsafeRawPointer {
    /// Whether the bool in a row is true.
    fileprivate subscript(row: Int, _: DType) -> Bool { load(fromByteOffset: row, as: UInt8.self) != 0 }
}

/// Some bytes of a stream: at hand, or made when it is their turn.
enum ArrowPiece {
    case bytes([UInt8])
    case memory(UnsafeRawBufferPointer)
    case made(count: Int, () -> [UInt8])
    /// Rows of a part, by its number, that are not read yet.
    case elements(part: Int, Range<Int>, byteCount: Int)

    var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .memory(let run): run.count
        case .made(let count, _): count
        case .elements(_, _, let byteCount): byteCount
        }
    }
}
