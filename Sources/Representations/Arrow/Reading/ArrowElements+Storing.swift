internal import Glibc
internal import Layouts

extension ArrowElements {
    /// Stores packed elements of the storage's dtype, zeros for nulls.
    func store(into place: UnsafeMutableRawPointer) {
        switch storage {
        case .elements(let dtype):
            if count > 0, let base = packed.baseAddress { memcpy(place, base, count * dtype.byteCount) }
            if hasNulls {
                for row in 0..<count where isNull(row) { memset(place + row * dtype.byteCount, 0, dtype.byteCount) }
            }
        case .bits:
            for row in 0..<count { place.storeBytes(of: bit(row) ? 1 : 0, toByteOffset: row, as: UInt8.self) }
        case .days:
            for row in 0..<count {
                place.storeBytes(of: isNull(row) ? 0 : days(row), toByteOffset: 8 * row, as: Int64.self)
            }
        case .texts, .views: preconditionFailure("texts are not packed")
        }
    }
}

extension ArrowBody {
    /// Stores a whole column as the packed elements of another type; values convert as JSON's do.
    func store(column: Int, into place: UnsafeMutableRawPointer, _ type: Excerpt.PartType) throws(RepresentationError) {
        let field = fields[column]
        var row = 0
        for batch in batches {
            let (run, dictionary) = batch.columns[column]
            let writer = ColumnWriter(
                place: place + row * type.dtype.byteCount,
                type: type,
                sourceZone: field.zone,
                first: row
            )
            do throws(RepresentationError) {
                let elements = try ArrowElements(unpacking: run)
                if let indices = field.dictionary?.indices {
                    try writer.store(elements, indices, of: dictionary)
                } else {
                    try writer.store(elements)
                }
            } catch {
                guard case .valueOutOfRange(let text) = error else { throw error }
                throw .valueOutOfRange("the column \"\(field.name)\": \(text)")
            }
            row += batch.rowCount
        }
    }

    /// Calls `body` with each row of a column of texts, nil for null.
    func forEachText(
        column: Int,
        _ body: (UnsafeRawBufferPointer?) throws(RepresentationError) -> Void
    ) throws(RepresentationError) {
        var textBytes = 0  // views may show one long text a million times
        for batch in batches {
            let (run, dictionary) = batch.columns[column]
            let elements = try ArrowElements(unpacking: run)
            guard let indices = fields[column].dictionary?.indices else {
                for row in 0..<run.count {
                    let text = elements.isNull(row) ? nil : try elements.text(row)
                    textBytes += text?.count ?? 0
                    guard textBytes <= limit else {
                        throw .tooLarge("expected texts of at most \(limit) bytes in a column, got more")
                    }
                    try body(text)
                }
                continue
            }
            guard case .texts(let texts) = try Self.values(of: dictionary) else {
                preconditionFailure("the dictionary of a column of texts has texts")
            }
            for row in 0..<run.count {
                try body(elements.isNull(row) ? nil : texts[elements.index(row, indices, below: texts.count)])
            }
            withExtendedLifetime(dictionary) {}
        }
    }

    /// The values of a dictionary; one that never came has none.
    fileprivate static func values(
        of dictionary: ArrowDictionary?
    ) throws(RepresentationError) -> ArrowDictionary.Values {
        try dictionary?.values() ?? .texts([])
    }
}

extension ArrowElements {
    /// The number of a value in a dictionary of so many.
    func index(_ row: Int, _ dtype: DType, below count: Int) throws(RepresentationError) -> Int {
        guard let base = packed.baseAddress else { preconditionFailure("a row has its bytes") }
        let place = base + row * dtype.byteCount
        let index: Int? =
            switch dtype.element {
            case .int8: Int(place.load(as: Int8.self))
            case .uint8: Int(place.load(as: UInt8.self))
            case .int16: Int(place.loadUnaligned(as: Int16.self))
            case .uint16: Int(place.loadUnaligned(as: UInt16.self))
            case .int32: Int(place.loadUnaligned(as: Int32.self))
            case .uint32: Int(place.loadUnaligned(as: UInt32.self))
            case .int64: Int(place.loadUnaligned(as: Int64.self))
            default: Int(exactly: place.loadUnaligned(as: UInt64.self))
            }
        guard let index, index >= 0, index < count else {
            throw .invalidBody("row \(row) of an Arrow batch leads out of its dictionary of \(count) values")
        }
        return index
    }
}

/// Writes the rows of one run to where they belong.
private struct ColumnWriter {
    let place: UnsafeMutableRawPointer
    let type: Excerpt.PartType
    let sourceZone: String?
    /// The number of its first row in the column, for messages.
    let first: Int

    private var dtype: DType { type.dtype }
    /// Instants without a zone are local time of the place's, as in JSON.
    private var zone: TimeZone? { sourceZone == nil ? type.zone.flatMap(TimeZone.named) : nil }

    func store(_ elements: ArrowElements) throws(RepresentationError) {
        guard elements.count > 0 else { return }
        guard let source = elements.storage.dtype else {
            for row in 0..<elements.count {
                if elements.isNull(row) { try storeNull(row) } else { try store(elements.text(row), row) }
            }
            return
        }
        if case .elements = elements.storage, !elements.hasNulls, let base = elements.packed.baseAddress {
            return try convert(base, source, 0..<elements.count)
        }
        let memory = try ArrowMemory(byteCount: elements.count * source.byteCount)
        guard let base = memory.bytes.baseAddress else { return }
        elements.store(into: base)
        try convert(base, source, 0..<elements.count)
        for row in 0..<elements.count where elements.isNull(row) { try storeNull(row) }
    }

    func store(
        _ elements: ArrowElements,
        _ indices: DType,
        of dictionary: ArrowDictionary?
    ) throws(RepresentationError) {
        defer { withExtendedLifetime(dictionary) {} }
        switch try ArrowBody.values(of: dictionary) {
        case .texts(let texts):
            for row in 0..<elements.count {
                let text = elements.isNull(row) ? nil : texts[try elements.index(row, indices, below: texts.count)]
                if let text { try store(text, row) } else { try storeNull(row) }
            }
        case .packed(let values, let source, let isNull):
            // A value may be far longer than its number, so only so many stand side by side.
            let most = max(1, Self.gatheredBytes / source.byteCount)
            let memory = try ArrowMemory(byteCount: min(most, elements.count) * source.byteCount)
            guard let from = values.bytes.baseAddress, let base = memory.bytes.baseAddress else { return }
            for start in stride(from: 0, to: elements.count, by: most) {
                let rows = start..<min(start + most, elements.count)
                var nulls: [Int] = []
                for row in rows {
                    let target = base + (row - start) * source.byteCount
                    let index = elements.isNull(row) ? nil : try elements.index(row, indices, below: isNull.count)
                    if let index, !isNull[index] {
                        memcpy(target, from + index * source.byteCount, source.byteCount)
                    } else {
                        memset(target, 0, source.byteCount)
                        nulls.append(row)
                    }
                }
                try convert(base, source, rows)
                for row in nulls { try storeNull(row) }
            }
        }
    }

    private static let gatheredBytes = 1 << 20

    private func convert(_ base: UnsafeRawPointer, _ source: DType, _ rows: Range<Int>) throws(RepresentationError) {
        try Cast.convert(
            base,
            source,
            into: place + rows.lowerBound * dtype.byteCount,
            dtype,
            count: rows.count,
            zone: zone,
            first: first + rows.lowerBound
        )
    }

    private func store(_ text: UnsafeRawBufferPointer, _ row: Int) throws(RepresentationError) {
        let store = ElementStore(dtype: dtype, place: place + row * dtype.byteCount)
        let isStored: Bool
        switch dtype.element {
        case .bytes: isStored = store.bytes(text)
        case .text: isStored = String(validating: text, as: UTF8.self).map(store.text) ?? false
        default: isStored = false
        }
        if !isStored {
            throw .valueOutOfRange(
                "expected values that \(dtype) can hold, row \(first + row) is a text of \(text.count) bytes"
            )
        }
    }

    private func storeNull(_ row: Int) throws(RepresentationError) {
        guard ElementStore(dtype: dtype, place: place + row * dtype.byteCount).null() else {
            throw .valueOutOfRange("expected no nulls, which \(dtype) cannot hold, row \(first + row) is one")
        }
    }
}
