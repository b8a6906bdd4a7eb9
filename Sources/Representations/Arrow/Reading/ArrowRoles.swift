internal import Documents
internal import Layouts

/// Which columns of an Arrow body are values, and what the labels of its rows are.
struct ArrowRoles {
    enum Index {
        /// Nobody says.
        case none
        case column(Int, name: String?)
        case range(start: Int, stop: Int, step: Int, name: String?)
    }

    private(set) var values: [Int]
    private(set) var index = Index.none
    /// JSON text of an object.
    private(set) var attrs = "{}"

    /// What pandas calls a column of labels without a name.
    static let unnamed = "__index_level_0__"

    /// Goes by pandas' metadata; where there are none, the labels are the column that has pandas' name for them, or the
    /// name of `labels`.
    init(_ body: ArrowBody, labels: String? = nil) throws {
        values = Array(body.fields.indices)
        guard let text = body.metadata["pandas"] else {
            let place = [ArrowRoles.unnamed, labels].lazy.compactMap { name in
                name.flatMap { name in body.fields.lastIndex { $0.name == name } }
            }.first
            if let place {
                values.removeAll { $0 == place }
                index = .column(place, name: body.fields[place].name == ArrowRoles.unnamed ? nil : labels)
            }
            attrs = try Self.attributes([body.metadata["attrs"]])
            return
        }
        let pandas = try PandasMetadata(text)
        attrs = try Self.attributes([body.metadata["attrs"], pandas.attributes])
        guard pandas.index.count <= 1 else {
            throw RepresentationError.labelMismatch("expected an index of one level, got \(pandas.index.count) levels")
        }
        switch pandas.index.first {
        case nil: break
        case .range(let start, let stop, let step, let name):
            index = .range(start: start, stop: stop, step: step, name: name)
        case .column(let field):
            guard let place = body.fields.lastIndex(where: { $0.name == field }) else {
                throw RepresentationError.invalidBody(
                    "the pandas metadata name the index \"\(field)\", which is no column"
                )
            }
            values.removeAll { $0 == place }
            index = .column(place, name: pandas.name(of: field))
        }
    }

    /// The first text that is a JSON object; other programs may have written something else there.
    private static func attributes(_ texts: [String?]) throws -> String {
        for case var text? in texts {
            let isObject = text.withUTF8 { bytes in
                var reader = JSONReader(
                    UnsafeRawBufferPointer(bytes),
                    maximumDepth: SegmentHeader.maximumAttributeDepth
                )
                guard (try? reader.peek()) == .object, let value = try? reader.value(), (try? reader.finish()) != nil
                else { return false }
                return !value.hasOverflow
            }
            if isObject { return text }
        }
        return "{}"
    }
}
