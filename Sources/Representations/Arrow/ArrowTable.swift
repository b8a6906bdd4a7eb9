internal import Documents
package import Layouts
internal import Segments

/// The columns of an excerpt, and what is said about them.
struct ArrowTable {
    private(set) var columns: [ArrowColumn] = []
    /// Keys and values: what pandas wants to know, and the attributes.
    private(set) var metadata: [(String, String)] = []
    let rowCount: Int

    /// The columns of an excerpt that can be a table; labels are read here.
    ///
    /// `attrs` is JSON text. `bytes` tells where the packed bytes of a part begin; nil where nobody has read them.
    init(_ excerpt: Excerpt, attrs: String, bytes: ((Int) -> UnsafeRawPointer)?) throws(SegmentError) {
        switch excerpt {
        case .series(let series):
            rowCount = series.index.count
            add(series.values, named: series.name ?? "values", bytes)
            try add(series.index, attrs)
        case .frame(let frame):
            rowCount = frame.index.count
            for column in frame.columns { add(column.values, named: column.name, bytes) }
            try add(frame.index, attrs)
        case .array(let part):
            rowCount = part.shape.first ?? 1
            add(part, named: "values", bytes)
            metadata = [("attrs", attrs)]
        case .dataArray(let array):
            rowCount = array.values.shape.first ?? 1
            add(array.values, named: array.name ?? "values", bytes)
            metadata = [("attrs", attrs)]
        case .labels(let labels):
            rowCount = labels.count
            try add(labels, named: labels.name ?? "values")
        case .row, .bytes, .json, .structure, .list: preconditionFailure("expected a table, got another excerpt")
        }
    }

    /// How many rows make a batch of about so many bytes: a multiple of 64, so that no byte of bits is of two.
    ///
    /// No more than an event thread converts of a column in a few milliseconds.
    func rowsPerBatch(ofBytes byteCount: Int) -> Int {
        let rowBytes = columns.reduce(0) { $0 + $1.rowByteCount }
        return min(max(64, byteCount / max(rowBytes, 1) / 64 * 64), Self.mostRows)
    }

    private static let mostRows = 64 << 10

    private mutating func add(_ part: Excerpt.Part, named name: String, _ bytes: ((Int) -> UnsafeRawPointer)?) {
        guard let type = ArrowType(part.type.dtype, zone: part.type.zone) else {
            preconditionFailure("expected a dtype that Arrow has, got \(part.type.dtype)")
        }
        let values = bytes.map { ArrowColumn.Values.packed($0(part.number), part.type.dtype) }
        columns.append(ArrowColumn(name: name, type: type, values: values ?? .part(part.number, part.type.dtype)))
    }

    /// Adds the labels of the rows as the last column, and says to pandas that they are.
    private mutating func add(_ index: PickedLabels, _ attrs: String) throws(SegmentError) {
        try add(index, named: fieldName(of: index))
        metadata = [("pandas", pandas(index.name, attrs)), ("attrs", attrs)]
    }

    /// The field of the labels: their name, or pandas' for those without, and for those whose name a column has.
    private func fieldName(of index: PickedLabels) -> String {
        let taken = Set(columns.map(\.name))
        if let name = index.name, !taken.contains(name) { return name }
        var number = 0
        while taken.contains("__index_level_\(number)__") { number += 1 }
        return "__index_level_\(number)__"
    }

    private mutating func add(_ labels: PickedLabels, named name: String) throws(SegmentError) {
        let packed = try labels.load()
        guard let dtype = packed.dtype else {
            columns.append(ArrowColumn(name: name, type: .largeText, values: .texts(packed.texts)))
            return
        }
        guard let type = ArrowType(dtype, zone: packed.zone) else {
            preconditionFailure("expected labels of a dtype that Arrow has, got \(dtype)")
        }
        let memory = LabelMemory(packed.bytes)
        owned.append(memory)
        columns.append(ArrowColumn(name: name, type: type, values: .packed(memory.base, dtype)))
    }

    /// Memory of labels that columns point to.
    private(set) var owned: [AnyObject] = []

    /// The metadata by which pandas makes the index, and the attributes, again.
    private func pandas(_ indexName: String?, _ attrs: String) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("index_columns")
        json.beginArray()
        json.string(columns[columns.count - 1].name)
        json.endArray()
        json.key("column_indexes")
        json.raw(
            #"[{"name":null,"field_name":null,"pandas_type":"unicode","numpy_type":"object","metadata":{"encoding":"UTF-8"}}]"#
        )
        json.key("columns")
        json.beginArray()
        for (number, column) in columns.enumerated() {
            let isIndex = number == columns.count - 1
            json.beginObject()
            json.key("name")
            if !isIndex {
                json.string(column.name)
            } else if let indexName {
                json.string(indexName)
            } else {
                json.null()
            }
            json.key("field_name")
            json.string(column.name)
            json.key("pandas_type")
            json.string(column.type.pandasNames.pandas)
            json.key("numpy_type")
            json.string(column.type.pandasNames.numpy)
            json.key("metadata")
            if case .timestamp(_, let zone?) = column.type {
                json.beginObject()
                json.key("timezone")
                json.string(zone)
                json.endObject()
            } else {
                json.null()
            }
            json.endObject()
        }
        json.endArray()
        json.key("attributes")
        json.raw(attrs)
        json.key("creator")
        json.raw(#"{"library":"shmgate","version":"1"}"#)
        json.key("pandas_version")
        json.string("2.2.0")
        json.endObject()
        return json.finish().withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

/// Packed labels at an address that stays.
private final class LabelMemory {
    let base: UnsafeRawPointer

    init(_ bytes: [UInt8]) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
        bytes.withUnsafeBytes { if let first = $0.baseAddress { memory.copyMemory(from: first, byteCount: $0.count) } }
        base = UnsafeRawPointer(memory)
    }

    deinit { base.deallocate() }
}

extension ArrowColumn {
    /// Bytes of a row, about.
    fileprivate var rowByteCount: Int {
        switch values {
        case .packed(_, let dtype), .part(_, let dtype): dtype.byteCount
        case .texts(let texts): 8 + (texts.first?.count ?? 0)
        }
    }
}

extension Excerpt {
    /// Whether Arrow can carry it: a series, a dataframe, or an array of one dimension, of dtypes that Arrow has.
    package var isArrow: Bool {
        switch self {
        case .series(let series): series.values.isArrow && series.index.isArrow
        case .frame(let frame): frame.columns.allSatisfy(\.values.isArrow) && frame.index.isArrow
        case .array(let part): part.shape.count == 1 && part.isArrow
        case .dataArray(let array): array.values.shape.count == 1 && array.values.isArrow
        case .labels(let labels): labels.shape.count == 1 && labels.isArrow
        case .row, .bytes, .json, .structure, .list: false
        }
    }
}

extension Excerpt.Part {
    fileprivate var isArrow: Bool { ArrowType(type.dtype, zone: type.zone) != nil }
}

extension PickedLabels {
    fileprivate var isArrow: Bool { dtype.map { ArrowType($0, zone: zone) != nil } ?? true }
}
