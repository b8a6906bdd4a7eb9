import Documents
import Layouts
import Segments

extension SharedObject {
    /// Everything that the segment holds as one JSON object; all bytes belong to one sequence.
    func report() throws -> String {
        let (contents, snapshot) = try contents()
        let isValues = Set(layout.writableArrays)
        var json = JSONWriter()
        json.beginObject()
        json.key("sequence")
        json.unsigned(snapshot.sequence)
        json.key("damaged")
        json.bool(snapshot.isDamaged)
        json.key("layout")
        json.raw(layout.json)
        json.key("attrs")
        json.raw(attributes)
        json.key("arrays")
        json.beginArray()
        for (number, array) in arrays.enumerated() {
            json.beginObject()
            json.key("path")
            json.string(array.path)
            json.key("label")
            json.bool(!isValues.contains(number))
            json.key("dtype")
            array.dtype.write(to: &json)
            json.key("shape")
            json.shape(array.shape)
            json.key("hex")
            json.string(Self.hex(contents[number]))
            json.endObject()
        }
        json.endArray()
        json.key("labels")
        json.beginObject()
        for path in layout.labelPaths(below: "") { try labels(path).write(to: &json, at: path) }
        json.endObject()
        json.endObject()
        return json.finish().text
    }

    /// The bytes of every array, labels among them, of one sequence.
    private func contents() throws -> (bytes: [[UInt8]], Snapshot) {
        let memory = arrays.map { UnsafeMutableRawBufferPointer.allocate(byteCount: $0.byteCount, alignment: 64) }
        defer { for block in memory { block.deallocate() } }
        let parts = zip(arrays, memory).compactMap { array, block in
            block.baseAddress.map {
                SnapshotPart(Region(byteOffset: array.byteOffset, itemByteCount: array.byteCount, axes: []), into: $0)
            }
        }
        let snapshot = try segment.snapshot(parts, until: .after(milliseconds: 60_000))
        return (memory.map { Array($0) }, snapshot)
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension LayoutNode {
    /// The paths of all labels.
    fileprivate func labelPaths(below prefix: String) -> [String] {
        switch form {
        case .bytes, .ndarray, .json: []
        case .series, .dataframe: [prefix + "index"]
        case .dataarray(let layout): layout.coords.map { "\(prefix)coords/\(escaped($0.name))" }
        case .structure(let layout):
            layout.members.flatMap { $0.layout.labelPaths(below: "\(prefix)members/\(escaped($0.name))/") }
        case .list(let layout):
            (0..<layout.count).flatMap { layout.item.labelPaths(below: "\(prefix)items/\($0)/") }
        }
    }

    private func escaped(_ name: String) -> String {
        name.replacing("%", with: "%25").replacing("/", with: "%2F")
    }
}

extension AxisLabels {
    /// Writes type, shape and values; numbers by the bits of their float64, for JSON has no NaN.
    fileprivate func write(to json: inout JSONWriter, at path: String) throws {
        let type: String
        json.key(path)
        json.beginObject()
        json.key("shape")
        json.shape(shape)
        json.key("values")
        json.beginArray()
        switch try values() {
        case .integers(let values):
            type = "int"
            for value in values { json.integer(value) }
        case .unsigned(let values):
            type = "int"
            for value in values { json.unsigned(value) }
        case .numbers(let values):
            type = "float"
            for value in values { json.unsigned(value.bitPattern) }
        case .flags(let values):
            type = "bool"
            for value in values { json.bool(value) }
        case .texts(let values):
            type = "str"
            for value in values { json.string(value) }
        case .instants(let counts, let unit, let zone):
            type = "instant \(unit) \(zone ?? "naive")"
            for count in counts { json.integer(count) }
        case .durations(let counts, let unit):
            type = "duration \(unit)"
            for count in counts { json.integer(count) }
        }
        json.endArray()
        json.key("type")
        json.string(type)
        json.endObject()
    }
}
