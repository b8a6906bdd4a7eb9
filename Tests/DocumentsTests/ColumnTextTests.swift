import Testing

@testable import Documents

/// Tables whose text is made column by column and woven into rows.
@Suite struct ColumnTextTests {
    /// The text of rows.
    private func woven(_ columns: [(text: ColumnText, row: Int)], _ count: Int) -> String {
        var text = ByteBuffer()
        text.append("<")
        text.appendRows(columns, count: count)
        text.append(">")
        return text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private func column(_ cells: [String], _ tail: StaticString) -> ColumnText {
        let column = ColumnText(capacity: cells.count, tail: tail)
        for cell in cells { column.append { $0.append(cell) } }
        return column
    }

    @Test("cells of any length stand in their rows, each with its tail")
    func lengths() {
        let lengths = [0, 1, 15, 16, 17, 31, 32, 33, 64, 1_000, 0]
        let left = lengths.map { String(repeating: "l", count: $0) }
        let right = lengths.reversed().map { String(repeating: "r", count: $0) }
        let (one, other) = (column(left, ","), column(right, "],["))
        let expected = zip(left, right).map { "\($0),\($1)],[" }
        #expect(woven([(one, 0), (other, 0)], lengths.count) == "<\(expected.joined())>")
        #expect(
            woven([(one, 3), (other, 7)], 4) == "<" + (0..<4).map { "\(left[3 + $0]),\(right[7 + $0])],[" }.joined()
                + ">"
        )
        #expect(woven([(one, 0)], 0) == "<>")
        #expect(woven([], 3) == "<>")
    }

    @Test("numbers are the text that they are alone, in runs of any length, with what is not finite among them")
    func numbers() {
        var generator = SystemRandomNumberGenerator()
        for count in [0, 1, 15, 16, 17, 33, 64] {
            let doubles = (0..<count).map { index in
                switch index % 7 {
                case 3: Double.nan
                case 5: -Double.infinity
                case 6: -2.2250738585072014e-308
                default: Double(bitPattern: UInt64.random(in: 0..<0x7FF0 << 48, using: &generator))
                }
            }
            let integers = (0..<count).map { [Int64.min, Int64.max, 0, -1, 7, 1_234_567_890_123][$0 % 6] }
            let column = ColumnText(tail: ",")
            for _ in 0..<2 {
                column.clear()
                doubles.withUnsafeBytes { raw in
                    raw.baseAddress.map { base in
                        column.append(doubles: base, count: count) { $1.append($0.isNaN ? "" : "inf") }
                    }
                }
            }
            let whole = ColumnText(tail: ";")
            integers.withUnsafeBytes { raw in raw.baseAddress.map { whole.append(int64s: $0, count: count) } }
            let narrow = ColumnText(tail: "\n")
            integers.map { Int32(truncatingIfNeeded: $0) }.withUnsafeBytes { raw in
                raw.baseAddress.map { narrow.append(int32s: $0, count: count) }
            }
            let expected = zip(doubles, integers).map { double, integer in
                var text = ByteBuffer()
                if double.isFinite { text.appendDecimal(double) } else { text.append(double.isNaN ? "" : "inf") }
                let alone = text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                return "\(alone),\(integer);\(Int32(truncatingIfNeeded: integer))\n"
            }
            #expect(woven([(column, 0), (whole, 0), (narrow, 0)], count) == "<\(expected.joined())>")
        }
    }
}
