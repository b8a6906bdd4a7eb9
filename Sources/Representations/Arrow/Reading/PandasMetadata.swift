internal import Documents
internal import Layouts

/// What pandas writes into the metadata of a schema: which columns are the index.
struct PandasMetadata {
    enum Index: Equatable {
        case column(String)
        case range(start: Int, stop: Int, step: Int, name: String?)
    }

    private(set) var index: [Index] = []
    /// JSON text of an object: pandas' `attrs`.
    private(set) var attributes: String?
    /// The names of columns by those of their fields; nil for an index without a name.
    private var names: [String: String?] = [:]

    /// Reads the JSON text.
    init(_ text: String) throws(RepresentationError) {
        var utf8 = text
        do {
            try utf8.withUTF8 { try read(UnsafeRawBufferPointer($0)) }
        } catch let error as RepresentationError {
            throw error
        } catch {
            throw .invalidBody("the pandas metadata of the Arrow body cannot be read: \(error)")
        }
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer) throws {
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "index_columns":
                guard case .array(let items) = try reader.value() else { continue }
                index = try items.map(Self.index)
            case "columns":
                guard case .array(let items) = try reader.value() else { continue }
                for item in items {
                    guard case .object(let column) = item, case .string(let field)? = column["field_name"] else {
                        continue
                    }
                    if case .string(let name)? = column["name"] {
                        names[field] = .some(name)
                    } else {
                        names[field] = .some(nil)
                    }
                }
            case "attributes":
                let isObject = try reader.peek() == .object
                let range = try reader.skip()
                if isObject { attributes = reader.text(in: range) }
            default: _ = try reader.skip()
            }
        }
    }

    private static func index(_ json: JSONValue) throws(RepresentationError) -> Index {
        switch json {
        case .string(let name): return .column(name)
        case .object(let object):
            guard object["kind"] == .string("range"), let start = object["start"]?.integer,
                let stop = object["stop"]?.integer, let step = object["step"]?.integer, step != 0,
                !stop.subtractingReportingOverflow(start).overflow
            else { break }
            if case .string(let name)? = object["name"] {
                return .range(start: start, stop: stop, step: step, name: name)
            }
            return .range(start: start, stop: stop, step: step, name: nil)
        default: break
        }
        throw .invalidBody("expected the index of the pandas metadata as a column, or as a range shorter than 2^63")
    }

    /// The name of the index whose labels are a field; nil for one without.
    func name(of field: String) -> String? { names[field] ?? field }
}
