import Documents

/// What a line of a list says of a segment, taken from its description.
struct SegmentSummary {
    let name: String
    var kind = "corrupt"
    var dtype = ""
    var shape = ""
    var bytes: Int64 = 0
    var sequence: Int64 = 0
    var modified = ""
    /// `damaged`, `pinned` and so on.
    var marks: [String] = []

    init(_ description: JSONValue) {
        guard case .object(let object) = description else {
            name = ""
            return
        }
        name = object.text("name") ?? ""
        guard case .object(let layout)? = object["layout"] else {
            marks = ["corrupt"]
            return
        }
        kind = object.text("kind") ?? ""
        bytes = object.integer("size") ?? 0
        sequence = object.integer("sequence") ?? 0
        modified = String((object.text("modified") ?? "").prefix(19))
        let buffers = Self.buffers(object)
        let main = buffers.first { $0.path == "values" } ?? buffers.first { $0.path.hasPrefix("columns/") }
        shape = main.map { $0.shape.map(String.init).joined(separator: "×") } ?? ""
        switch kind {
        case "dataframe":
            let count = if case .array(let columns)? = layout["columns"] { columns.count } else { 0 }
            dtype = "\(count) columns"
        case "struct", "list", "json", "bytes": dtype = ""
        default:
            if case .array(let fields)? = layout["dtype"] {
                dtype = "\(fields.count) fields"
            } else {
                dtype = layout.text("dtype") ?? ""
            }
        }
        if case .object(let writer)? = object["writer"], case .bool(true)? = writer["damaged"] {
            marks.append("damaged")
        }
        if case .bool(true)? = object["pinned"] { marks.append("pinned") }
        if object.text("expires") != nil { marks.append("expires") }
    }

    /// Path, dtype and shape of each array.
    static func buffers(_ description: JSONObject) -> [(path: String, shape: [Int64])] {
        guard case .object(let place)? = description["mmap"], case .array(let buffers)? = place["buffers"] else {
            return []
        }
        return buffers.compactMap { buffer in
            guard case .object(let buffer) = buffer, let path = buffer.text("path"),
                case .array(let shape)? = buffer["shape"]
            else { return nil }
            return (path, shape.compactMap(\.wholeNumber))
        }
    }
}
