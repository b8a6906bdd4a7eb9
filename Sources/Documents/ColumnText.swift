internal import Glibc

/// The text of a column in some rows of a table: its cells one behind the other, each with what stands behind it in a row.
///
/// Tables are rows, and their numbers stand in columns. So text is made column by column, some rows at a time, and then
/// woven into rows (``ByteBuffer/appendRows(_:count:)``): one loop for each dtype, whose numbers the processor sees coming,
/// instead of a choice for each cell. One thread at a time appends to it, and then any may read.
package final class ColumnText: @unchecked Sendable {
    /// So many rows are made at a time: the text of some columns stays in the nearest cache.
    package static let blockRows = 64

    private var text: ByteBuffer
    /// Where each cell ends, what stands behind it included.
    private let ends: UnsafeMutablePointer<Int>
    private let capacity: Int
    private var count = 0
    private let tail: Tail

    /// A column of at most `capacity` rows, `tail` behind each cell: at most eight bytes.
    package init(capacity: Int = ColumnText.blockRows, tail: StaticString) {
        self.capacity = capacity
        self.tail = Tail(tail)
        ends = .allocate(capacity: max(capacity, 1))
        text = ByteBuffer(capacity: capacity * Self.usualCellBytes)
    }

    /// Most numbers are shorter.
    private static let usualCellBytes = 24

    deinit { ends.deallocate() }

    /// Memory that it takes.
    package var byteCount: Int { text.capacity + capacity * MemoryLayout<Int>.stride }

    /// Begins with the first row again.
    package func clear() {
        text.removeAll()
        count = 0
    }

    /// Appends a cell, which `body` does.
    package func append(_ body: (inout ByteBuffer) -> Void) {
        precondition(count < capacity, "a column has room for the rows that it was made for")
        body(&text)
        text.append(upTo: Tail.mostBytes + Cell.stride) { tail.store(to: $0) }
        ends[count] = text.count
        count += 1
    }

    /// Appends packed doubles; `notFinite` appends what stands for infinities and NaN.
    package func append(
        doubles values: UnsafeRawPointer,
        count added: Int,
        notFinite: (Double, inout ByteBuffer) -> Void
    ) {
        append(NumberList<Double>(base: values, count: added), notFinite)
    }

    /// Appends packed float32; `notFinite` appends what stands for infinities and NaN.
    package func append(
        floats values: UnsafeRawPointer,
        count added: Int,
        notFinite: (Float, inout ByteBuffer) -> Void
    ) {
        append(NumberList<Float>(base: values, count: added), notFinite)
    }

    @inline(__always)
    private func append<Value: DecimalNumeral>(
        _ values: NumberList<Value>,
        _ notFinite: (Value, inout ByteBuffer) -> Void
    ) {
        precondition(values.count <= capacity - count, "a column has room for the rows that it was made for")
        let places = LastPlaces.shared
        var next = 0
        while next < values.count {
            let (start, ends) = (text.count, ends + count)
            let first = next
            // More than is stored, by far: numbers take half of it.
            text.append(upTo: NumberList<Value>.mostBytes) {
                values.storeBlock(from: &next, to: $0, places, tail, ends, start)
            }
            count += next - first
            if next < values.count, !values[next].isFinite {
                let special = values[next]
                append { notFinite(special, &$0) }
                next += 1
            }
        }
    }

    /// Appends packed int64.
    package func append(int64s values: UnsafeRawPointer, count added: Int) {
        append(added) { values.loadUnaligned(fromByteOffset: $0 &* 8, as: Int64.self) }
    }

    /// Appends packed int32.
    package func append(int32s values: UnsafeRawPointer, count added: Int) {
        append(added) { Int64(values.loadUnaligned(fromByteOffset: $0 &* 4, as: Int32.self)) }
    }

    @inline(__always)
    private func append(_ added: Int, integer: (Int) -> Int64) {
        precondition(added <= capacity - count, "a column has room for the rows that it was made for")
        let (start, ends, tail) = (text.count, ends + count, tail)
        // One piece for all: what stands behind a number is stored beyond it.
        text.append(upTo: added &* (Self.mostIntegerBytes &+ Tail.mostBytes) &+ Cell.stride) { first in
            var place = first
            for row in 0..<added {
                let value = integer(row)
                place[0] = UInt8(ascii: "-")
                place += value < 0 ? 1 : 0
                let digits = digitCount(value.magnitude)
                storeDigits(value.magnitude, digits, to: place)
                place += digits
                place += tail.store(to: place)
                ends[row] = start &+ (place - first)
            }
            return place - first
        }
        count += added
    }

    /// The longest is `-9223372036854775808`.
    private static let mostIntegerBytes = 20

    /// Calls `body` with the text of rows from one on, of which more may be read than there is, and where the cells end.
    fileprivate func withCells<R>(
        from row: Int,
        count rows: Int,
        _ body: (_ text: UnsafeRawPointer, _ begin: Int, _ ends: UnsafePointer<Int>) -> R
    ) -> R {
        precondition(row >= 0 && rows <= count - row, "a column has the rows that are read")
        return text.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { preconditionFailure("a buffer is somewhere") }
            return body(base, row == 0 ? 0 : ends[row - 1], UnsafePointer(ends + row))
        }
    }
}

/// What stands behind each cell of a column.
struct Tail {
    static let mostBytes = 8
    private let word: UInt64
    private let count: Int

    init(_ text: StaticString) {
        precondition(text.utf8CodeUnitCount <= Self.mostBytes, "what stands behind a cell is short")
        var word: UInt64 = 0
        for index in (0..<text.utf8CodeUnitCount).reversed() { word = word << 8 | UInt64(text.utf8Start[index]) }
        self.word = word.littleEndian
        count = text.utf8CodeUnitCount
    }

    /// Stores it, and up to eight bytes in all, and says how many it has.
    @inline(__always)
    func store(to place: UnsafeMutablePointer<UInt8>) -> Int {
        UnsafeMutableRawPointer(place).storeBytes(of: word, as: UInt64.self)
        return count
    }
}

/// A cell is copied in two pieces, however short it is: behind the text of a column there is always memory to read.
private enum Cell {
    static let stride = 32

    @inline(__always)
    static func copy(_ from: UnsafeRawPointer, to place: UnsafeMutableRawPointer, _ count: Int) {
        if count <= stride {
            let (low, high) = (
                from.loadUnaligned(as: SIMD16<UInt8>.self),
                from.loadUnaligned(fromByteOffset: 16, as: SIMD16<UInt8>.self)
            )
            place.storeBytes(of: low, as: SIMD16<UInt8>.self)
            place.storeBytes(of: high, toByteOffset: 16, as: SIMD16<UInt8>.self)
        } else {
            memcpy(place, from, count)
        }
    }
}

extension ByteBuffer {
    /// Appends rows of a table: a cell of each column, in order, from the row of it that is said.
    package mutating func appendRows(_ columns: [(text: ColumnText, row: Int)], count rows: Int) {
        struct Cursor {
            var next: UnsafeRawPointer
            let text: UnsafeRawPointer
            let ends: UnsafePointer<Int>
        }
        withUnsafeTemporaryAllocation(of: Cursor.self, capacity: columns.count) { cursors in
            var total = Cell.stride
            for (number, column) in columns.enumerated() {
                column.text.withCells(from: column.row, count: rows) { text, begin, ends in
                    cursors.initializeElement(at: number, to: Cursor(next: text + begin, text: text, ends: ends))
                    if rows > 0 { total += ends[rows - 1] - begin }
                }
            }
            // Without the checks of a buffer.
            guard let cursor = cursors.baseAddress else { return }
            append(upTo: total) { start in
                var place = UnsafeMutableRawPointer(start)
                for row in 0..<rows {
                    for number in 0..<columns.count {
                        let begin = cursor[number].next
                        let end = cursor[number].text + cursor[number].ends[row]
                        Cell.copy(begin, to: place, end - begin)
                        place += end - begin
                        cursor[number].next = end
                    }
                }
                return place - UnsafeMutableRawPointer(start)
            }
        }
        withExtendedLifetime(columns) {}
    }
}
