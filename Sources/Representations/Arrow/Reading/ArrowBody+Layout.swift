internal import Glibc
package import Layouts

extension ArrowBody {
    /// The dataframe that the body is, and its attributes as JSON text.
    ///
    /// Texts become `S` of the longest one's width, dates instants in seconds. Without labels the index is a range. More
    /// than `limit` bytes of columns are too large.
    package func frame(limit: Int) throws -> (layout: DataFrameLayout, attrs: String) {
        let roles = try ArrowRoles(self)
        var byteCount = 0
        let columns = try roles.values.map { number in
            let type = try ValueType(dtype(ofColumn: number), zone: fields[number].zone)
            byteCount = byteCount.addingClamped(rowCount.multipliedClamped(by: type.dtype.byteCount))
            return DataFrameLayout.Column(name: fields[number].name, type: type)
        }
        guard byteCount <= limit else {
            throw RepresentationError.tooLarge(
                "expected columns of at most \(limit) bytes together, texts as wide as the longest, got \(byteCount)"
            )
        }
        return (try DataFrameLayout(columns: columns, index: labels(roles.index, limit)), roles.attrs)
    }

    /// Stores the values of a frame that ``frame(limit:)`` gave; `place` says where those of a part go.
    package func store(_ frame: Excerpt.Frame, place: (Int) -> UnsafeMutableRawPointer) throws {
        for (number, column) in zip(try ArrowRoles(self).values, frame.columns) {
            try store(column: number, into: place(column.values.number), column.values.type)
        }
    }

    private func dtype(ofColumn number: Int) throws -> DType {
        switch fields[number].storage {
        case .bits: return DType(.bool)
        case .elements(let dtype): return dtype
        case .days: return DType(.datetime(TimeUnit(.second)))
        case .texts, .views:
            var width = 1
            try forEachText(column: number) { text in width = max(width, text?.count ?? 0) }
            guard width <= Int(Int32.max) else {
                throw RepresentationError.tooLarge("the column \"\(fields[number].name)\" has a text of \(width) bytes")
            }
            return DType(.bytes(width))
        }
    }

    private func labels(_ index: ArrowRoles.Index, _ limit: Int) throws -> LabelContents {
        switch index {
        case .none: return .range(0, rowCount)
        case .range(let start, let stop, let step, let name):
            let contents = LabelContents.range(start, stop, step: step, name: name)
            guard contents.labels.count == rowCount else {
                throw RepresentationError.invalidBody(
                    "expected \(rowCount) labels, the pandas metadata have a range of \(contents.labels.count)"
                )
            }
            return contents
        case .column(let number, let name): return try labels(column: number, name, limit)
        }
    }

    private func labels(column number: Int, _ name: String?, _ limit: Int) throws -> LabelContents {
        let field = fields[number]
        guard rowCount <= limit / 8 else {
            throw RepresentationError.tooLarge(
                "expected labels of at most \(limit) bytes together, got \(rowCount) labels"
            )
        }
        switch field.storage {
        case .texts(_, isUTF8: true), .views(isUTF8: true):
            var offsets: [Int64] = [0]
            var bytes: [UInt8] = []
            try forEachText(column: number) { text throws(RepresentationError) in
                guard let text else {
                    throw .valueOutOfRange("the column \"\(field.name)\": expected labels without nulls, got one")
                }
                guard text.count <= limit - bytes.count else {
                    throw .tooLarge("expected labels of at most \(limit) bytes together, got more")
                }
                bytes.append(contentsOf: text)
                offsets.append(Int64(bytes.count))
            }
            return LabelContents(
                labels: .texts(count: rowCount, byteCount: bytes.count),
                buffers: [offsets.withUnsafeBytes { Array($0) }, bytes],
                name: name
            )
        case .texts, .views: break
        case .bits, .days, .elements:
            let type = try ValueType(dtype(ofColumn: number), zone: field.zone)
            if case .bytes = type.dtype.element { break }
            let memory = try ArrowMemory(byteCount: rowCount.multipliedClamped(by: type.dtype.byteCount))
            if let base = memory.bytes.baseAddress { try store(column: number, into: base, type.partType) }
            return LabelContents(
                labels: .elements(type.dtype, count: rowCount, zone: type.zone),
                buffers: [[UInt8](memory.bytes)],
                name: name
            )
        }
        throw LayoutError.invalidDType("expected labels of numbers, bools, texts or times, \"\(field.name)\" has bytes")
    }
}
