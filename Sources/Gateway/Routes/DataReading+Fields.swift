internal import Layouts
internal import MicroHTTP
internal import Representations
internal import Segments

extension DataReading {
    /// What an answer says of the state it is of; one that is of none has no tag and no parts.
    func fields(of snapshot: Snapshot?, _ target: DataTarget, _ format: Format) -> [(StaticString, String)] {
        guard let snapshot else { return Self.cacheFields }
        var fields = Self.cacheFields
        fields.append(("ETag", target.open.tag(snapshot.sequence).text(format.tagSuffix)))
        if snapshot.isDamaged { fields.append(("Shm-Damaged", "1")) }
        if format.isPacked { fields.append(("Accept-Ranges", "bytes")) }
        return fields
    }

    /// The one array that raw and npy carry.
    static func array(_ excerpt: Excerpt, _ format: Format) throws(Problem) -> Excerpt.Part {
        guard let part = excerpt.onlyArray else { preconditionFailure("\(format) was chosen for one array") }
        return part
    }

    static func prefix(_ excerpt: Excerpt, _ format: Format) throws(Problem) -> [UInt8] {
        guard format == .npy else { return [] }
        let part = try array(excerpt, format)
        return Npy.header(dtype: part.type.dtype, shape: part.shape)
    }

    static let cacheFields: [(StaticString, String)] = [
        ("Vary", "Accept, Accept-Encoding"), ("Cache-Control", "no-cache"),
    ]

    static func fields(_ part: Excerpt.Part, _ format: Format) -> [(StaticString, String)] {
        let dtype = part.type.dtype.description
        let shape = part.shape.map(String.init).joined(separator: ",")
        let fields: [(StaticString, String)] = [("Content-Type", format.mediaType), ("Shm-Shape", shape)]
        return dtype.utf8.count > mostDTypeBytes ? fields : fields + [("Shm-Dtype", dtype)]
    }

    /// A dtype of thousands of fields is no field of a header block, which has some 30 KiB: no answer could be sent.
    private static let mostDTypeBytes = 8 << 10
}
