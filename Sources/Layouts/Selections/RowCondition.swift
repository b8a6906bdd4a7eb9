internal import Documents

/// A condition on rows, such as `price>100` or `index>=2024-01-01`.
package struct RowCondition: Sendable {
    /// The column that it looks at; `index` means the labels.
    package let column: String
    private let comparison: Comparison
    private let term: LabelSelection.Term

    private enum Comparison: String, CaseIterable, Sendable {
        case equal = "=="
        case notEqual = "!="
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case less = "<"
        case greater = ">"
    }

    /// Reads a name, a comparison and a value; a name with other characters may stand as a JSON string.
    package init(_ text: String) throws(LayoutError) {
        let quotedEnd = text.first == "\"" ? Self.endOfString(in: text) : nil
        let from = quotedEnd ?? text.startIndex
        guard let place = text[from...].firstIndex(where: { "=!<>".contains($0) }),
            let comparison = Comparison.allCases.first(where: { text[place...].hasPrefix($0.rawValue) })
        else {
            throw .invalidQuery("expected a name, one of ==, !=, <, <=, >, >= and a value, got \(quoted(text))")
        }
        let name = String(text[..<place])
        let value = String(text[place...].dropFirst(comparison.rawValue.count))
        if quotedEnd == nil {
            column = name
        } else if case .value(.json(.string(let text))) = try LabelSelection(name) {
            column = text
        } else {
            throw .invalidQuery("expected a name as a JSON string, got \(quoted(name))")
        }
        self.comparison = comparison
        if value.first == "\"" {
            guard case .value(let term) = try LabelSelection(value) else {
                throw .invalidQuery("expected a JSON string to compare with, got \(quoted(value))")
            }
            self.term = term
        } else {
            term = .word(value)
        }
    }

    private static func endOfString(in text: String) -> String.Index? {
        var isEscaped = false
        for place in text.indices.dropFirst() {
            if !isEscaped, text[place] == "\"" { return text.index(after: place) }
            isEscaped = !isEscaped && text[place] == "\\"
        }
        return nil
    }

    /// Clears the rows of a mask whose packed element does not satisfy the condition.
    package func narrow(_ mask: inout [Bool], by base: UnsafeRawPointer, _ type: ValueType) throws {
        let dtype = type.dtype
        switch dtype.element {
        case .bytes(let size):
            try narrow(&mask) { row in .text(Self.padded(UnsafeRawBufferPointer(start: base + row * size, count: size)))
            }
        case .text(let length):
            try narrow(&mask) { row in
                var scalars = String.UnicodeScalarView()
                for index in 0..<length {
                    let point = (base + row * dtype.byteCount).loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
                    scalars.append(Unicode.Scalar(point) ?? "\u{FFFD}")
                }
                while scalars.last == "\0" { scalars.removeLast() }
                return .text(Array(String(scalars).utf8))
            }
        case .complex64, .complex128, .structured, .bfloat16:
            throw LayoutError.invalidQuery("expected a column that has an order, \(quoted(column)) is \(dtype)")
        default:
            let coding = KeyCoding(dtype)
            let query = try LabelQuery(term, among: .elements(dtype, count: 0, zone: type.zone))
            let isFloat = coding.isFloat
            if !isFloat, let number = query.number {
                // As NumPy does: beside a float, integers are floats.
                for row in mask.indices where mask[row] {
                    mask[row] = holds(Double(coding.key(base + row * dtype.byteCount)), number)
                }
                return
            }
            for row in mask.indices where mask[row] {
                let key = coding.key(base + row * dtype.byteCount)
                mask[row] = holds(.number(key), query, isNothing: Self.isNothing(key, isFloat, dtype))
            }
        }
    }

    /// Clears the rows of a mask whose label, at the positions of a pick, does not satisfy the condition.
    package func narrow(_ mask: inout [Bool], byLabels index: LabelIndex, at positions: [Int]) throws {
        let query = try LabelQuery(term, among: index.contents.labels)
        var dtype: DType?
        if case .elements(let type, _, _) = index.contents.labels { dtype = type }
        for row in mask.indices where mask[row] {
            let key = try index.key(at: positions[row])
            var isNothing = false
            if case .number(let number) = key, let dtype {
                isNothing = Self.isNothing(number, index.coding?.isFloat ?? false, dtype)
            }
            mask[row] = holds(key, query, isNothing: isNothing)
        }
    }

    private func narrow(_ mask: inout [Bool], key: (Int) -> LabelKey) throws {
        let query = try LabelQuery(term, among: .texts(count: 0, byteCount: 0))
        for row in mask.indices where mask[row] { mask[row] = holds(key(row), query, isNothing: false) }
    }

    /// Whether a key is NaN or NaT, which only `!=` holds for.
    private static func isNothing(_ key: Int128, _ isFloat: Bool, _ dtype: DType) -> Bool {
        if isFloat { return key == KeyCoding.notANumber }
        switch dtype.element {
        case .datetime, .timedelta: return key == Int128(DateTime.nat)
        default: return false
        }
    }

    private func holds(_ value: Double, _ number: Double) -> Bool {
        switch comparison {
        case .equal: value == number
        case .notEqual: value != number
        case .less: value < number
        case .lessOrEqual: value <= number
        case .greater: value > number
        case .greaterOrEqual: value >= number
        }
    }

    @inline(__always)
    private func holds(_ key: LabelKey, _ query: LabelQuery, isNothing: Bool) -> Bool {
        if isNothing || query.isNothing { return comparison == .notEqual }
        switch comparison {
        case .equal: return key == query.exact
        case .notEqual: return key != query.exact
        case .less: return key < query.first
        case .lessOrEqual: return key <= (query.exact ?? query.last)
        case .greater: return key > (query.exact ?? query.last)
        case .greaterOrEqual: return key >= query.first
        }
    }

    private static func padded(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        Array(bytes[..<((bytes.lastIndex { $0 != 0 } ?? -1) + 1)])
    }
}
