internal import Documents
package import Layouts

/// An array as a Zarr hierarchy has it.
package struct ZarrArray: Sendable {
    /// Where its elements come from.
    package enum Source: Sendable {
        /// An array of the segment, by its number.
        case values(Int)
        /// An array of the segment that holds labels, which never change.
        case labels(Int)
        /// Labels of a range: `start`, `start + step`, ….
        case range(start: Int, step: Int)
        /// Labels that are texts, and the first of their arrays.
        case texts(LabelContents, firstArray: Int)
    }

    /// Where its elements come from.
    package let source: Source
    /// The type of its elements.
    package let type: ZarrType
    /// How it is cut.
    package let grid: ZarrGrid
    /// The names of its axes; nil for an array that stands alone.
    private let dimensions: [String]?
    /// Its attributes, without those that only v2 has.
    private let attributes: JSONObject

    init(
        _ source: Source,
        _ dtype: DType,
        zone: String? = nil,
        shape: [Int],
        dimensions: [String]?,
        attributes: JSONObject = JSONObject()
    ) {
        self.source = source
        type = ZarrType(dtype, zone: zone)
        grid = ZarrGrid(shape: shape, itemByteCount: dtype.byteCount)
        self.dimensions = dimensions
        self.attributes = attributes.replacing(type.conventions)
    }

    /// Bytes of a chunk, padding included.
    package var chunkByteCount: Int { grid.chunkCount * type.stored.byteCount }

    /// Whether nothing of it can be written.
    package var isReadOnly: Bool {
        if case .values = source { return false }
        return true
    }

    /// Its type and extents, for people.
    package var summary: String {
        "\(type.stored), shape \(tuple(grid.shape)), chunks \(tuple(grid.chunkShape))"
    }

    /// What stands for an absent element.
    package func fill(_ version: ZarrVersion) -> ZarrType.Fill { version == .v3 ? type.fill : type.fillV2 }

    /// Whether a version of Zarr can say what its elements are.
    package func isExpressible(in version: ZarrVersion) -> Bool {
        (version == .v3 ? type.dataType : type.typestring) != nil
    }

    /// Writes `zarr.json`.
    func writeV3(to json: inout JSONWriter) {
        json.beginObject()
        json.key("shape")
        json.shape(grid.shape)
        json.key("data_type")
        json.raw(type.dataType ?? "null")
        json.key("chunk_grid")
        json.beginObject()
        json.key("name")
        json.string("regular")
        json.key("configuration")
        json.beginObject()
        json.key("chunk_shape")
        json.shape(grid.chunkShape)
        json.endObject()
        json.endObject()
        json.key("chunk_key_encoding")
        json.raw("{\"name\":\"default\",\"configuration\":{\"separator\":\"/\"}}")
        json.key("fill_value")
        json.raw(type.fill.json)
        json.key("codecs")
        let order = type.stored.isBigEndian ? "big" : "little"
        json.raw(
            type.hasOrder
                ? "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"\(order)\"}}]" : "[{\"name\":\"bytes\"}]"
        )
        json.key("attributes")
        json.value(.object(attributes))
        if let dimensions {
            json.key("dimension_names")
            json.names(dimensions)
        }
        json.key("zarr_format")
        json.integer(3)
        json.key("node_type")
        json.string("array")
        json.key("storage_transformers")
        json.raw("[]")
        json.endObject()
    }

    /// Writes `.zarray`.
    func writeV2(to json: inout JSONWriter) {
        json.beginObject()
        json.key("shape")
        json.shape(grid.shape)
        json.key("chunks")
        json.shape(grid.chunkShape)
        json.key("dtype")
        json.raw(type.typestring ?? "null")
        json.key("fill_value")
        json.raw(type.fillV2.json)
        json.key("order")
        json.string("C")
        json.key("filters")
        json.null()
        json.key("dimension_separator")
        json.string(".")
        json.key("compressor")
        json.null()
        json.key("zarr_format")
        json.integer(2)
        json.endObject()
    }

    /// Writes `.zattrs`, which has the names of the axes too.
    func writeAttributesV2(to json: inout JSONWriter) {
        let names = dimensions.map { JSONValue.array($0.map { .string($0) }) }
        let own = names.map { [JSONObject.Member(name: "_ARRAY_DIMENSIONS", value: $0)] } ?? []
        json.value(.object(attributes.replacing(own)))
    }
}

/// A version of the format.
package enum ZarrVersion: Sendable {
    case v2
    case v3
}

extension JSONObject {
    /// The object with other members in place of those of the same names, at its end.
    func replacing(_ others: [Member]) -> JSONObject {
        let names = others.map { Array($0.name.utf8) }
        return JSONObject(members: members.filter { !names.contains(Array($0.name.utf8)) } + others)
    }
}

extension JSONWriter {
    fileprivate mutating func names(_ names: [String]) {
        beginArray()
        for name in names { string(name) }
        endArray()
    }
}
