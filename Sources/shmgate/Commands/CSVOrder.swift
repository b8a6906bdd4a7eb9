import Documents

/// What makes a segment of a CSV file: the body of a PUT, in JSON.
enum CSVOrder {
    /// A dataframe of a table whose first row are names.
    ///
    /// Its labels are the column called `index`, or else a first one without a name.
    static func frame(_ table: CSVTable, index: String?) throws -> [UInt8] {
        guard table.width > 0 else { throw StartFailure(.badInput, "expected a line of names, got nothing") }
        let names = table[row: 0].map(\.text)
        let labels = try labels(names, index)
        var types: [CSVType] = []
        var json = JSONWriter(capacity: 64 << 10)
        json.beginObject()
        json.key("layout")
        json.beginObject()
        json.key("kind")
        json.string("dataframe")
        json.key("columns")
        json.beginArray()
        for (number, name) in names.enumerated() {
            let fields = table[column: number]
            types.append(CSVType(fields))
            if number == labels { continue }
            json.value(.object(["name": .string(name), "dtype": .string(types[number].dtype(fields))]))
        }
        json.endArray()
        json.key("index")
        if let labels {
            write(labels: table[column: labels], types[labels], names[labels], to: &json)
        } else {
            json.integer(Int64(table.count - 1))
        }
        json.endObject()
        json.key("data")
        json.beginObject()
        json.key("data")
        json.beginArray()
        for row in 1..<table.count {
            json.beginArray()
            for (number, field) in table[row: row].enumerated() where number != labels {
                types[number].write(field, to: &json)
            }
            json.endArray()
        }
        json.endArray()
        json.endObject()
        json.endObject()
        return json.finish().withUnsafeBytes { Array($0) }
    }

    /// An array of a table without names: of one dimension if a row is one field.
    static func array(_ table: CSVTable) throws -> [UInt8] {
        let type = CSVType(table.fields)
        let shape = table.width == 1 ? [table.count] : [table.count, table.width]
        var json = JSONWriter(capacity: 64 << 10)
        json.beginObject()
        json.key("layout")
        json.value(
            .object([
                "kind": .string("ndarray"), "dtype": .string(type.dtype(table.fields)),
                "shape": .array(shape.map { .number(.integer(Int64($0))) }),
            ])
        )
        json.key("data")
        json.beginArray()
        for row in 0..<table.count {
            if shape.count == 2 { json.beginArray() }
            for field in table[row: row] { type.write(field, to: &json) }
            if shape.count == 2 { json.endArray() }
        }
        json.endArray()
        json.endObject()
        return json.finish().withUnsafeBytes { Array($0) }
    }

    /// The number of the column with the labels.
    private static func labels(_ names: [String], _ index: String?) throws -> Int? {
        guard let index else { return names[0].isEmpty ? 0 : nil }
        if let number = names.firstIndex(of: index) { return number }
        throw StartFailure(.badInput, "expected a column \(index) for the labels, got \(names.joined(separator: ", "))")
    }

    private static func write(
        labels fields: [CSVTable.Field],
        _ type: CSVType,
        _ name: String,
        to json: inout JSONWriter
    ) {
        json.beginObject()
        // Of 0, 1, 2 and so on nothing needs to be stored.
        if type == .int64, fields.enumerated().allSatisfy({ $1.text == "\($0)" }) {
            json.key("range")
            json.beginArray()
            json.integer(Int64(fields.count))
            json.endArray()
        } else {
            json.key("dtype")
            json.string(type == .text ? "str" : type.dtype(fields))
            json.key("data")
            json.beginArray()
            for field in fields { type.write(field, to: &json) }
            json.endArray()
        }
        if !name.isEmpty {
            json.key("name")
            json.string(name)
        }
        json.endObject()
    }
}
