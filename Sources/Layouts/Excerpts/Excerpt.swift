internal import Segments

/// What a selection of a layout looks like: the same form that a representation writes and a body is read into.
///
/// The bytes stand elsewhere, in ``Part``s that the excerpt numbers.
package indirect enum Excerpt: Sendable {
    /// An array, or one element of it.
    case array(Part)
    /// Bytes without a meaning.
    case bytes(Part)
    /// The text of a JSON value, padded with NUL.
    case json(Part)
    case series(Series)
    case frame(Frame)
    /// One row of a frame.
    case row(Frame)
    case dataArray(LabelledArray)
    /// Labels, which can only be read.
    case labels(PickedLabels)
    case structure([(name: String, excerpt: Excerpt)])
    case list([Excerpt])
}

extension Excerpt {
    /// One array of the segment, and what is picked of it.
    package struct Part: Sendable {
        /// Its place in ``ExcerptParts``.
        package var number: Int
        /// The type of its elements; the zone of its instants.
        package var type: PartType
        /// The extents of what is picked.
        package var shape: [Int]

        /// A part by its number.
        package init(number: Int, type: PartType, shape: [Int]) {
            self.number = number
            self.type = type
            self.shape = shape
        }
    }

    /// A dtype with a zone; unlike ``ValueType`` any dtype.
    package struct PartType: Sendable {
        package var dtype: DType
        package var zone: String?
        /// The spelling that constructors take: pandas' own for instants of a zone.
        package var pandasSpelling: String?

        /// A dtype, perhaps with a zone.
        package init(dtype: DType, zone: String? = nil, pandasSpelling: String? = nil) {
            self.dtype = dtype
            self.zone = zone
            self.pandasSpelling = pandasSpelling
        }
    }

    /// A series: values with their labels.
    package struct Series: Sendable {
        package var name: String?
        package var values: Part
        package var index: PickedLabels
    }

    /// Columns with common labels; for a row the labels are the one of the row.
    package struct Frame: Sendable {
        package var columns: [(name: String, values: Part)]
        package var index: PickedLabels
    }

    /// An array with named dimensions and coordinates.
    package struct LabelledArray: Sendable {
        package var name: String?
        package var dims: [String]
        package var values: Part
        package var coords: [(name: String, dims: [String], labels: PickedLabels, attrs: String?)]
    }
}

extension Excerpt {
    /// Every array in it whose elements are values of a dtype.
    package var values: [Part] {
        switch self {
        case .array(let part), .bytes(let part): [part]
        case .json, .labels: []
        case .series(let series): [series.values]
        case .frame(let frame), .row(let frame): frame.columns.map(\.values)
        case .dataArray(let array): [array.values]
        case .structure(let members): members.flatMap(\.excerpt.values)
        case .list(let items): items.flatMap(\.values)
        }
    }

    /// Whether it is one array of numbers, texts of a fixed width or times.
    package var isArray: Bool {
        if case .labels(let labels) = self { return labels.dtype != nil }
        return onlyArray != nil
    }

    /// How many values, labels and lists without values a text of it has.
    package var textCount: Int {
        switch self {
        case .array(let part), .bytes(let part), .json(let part): part.textCount
        case .labels(let labels): labels.count
        case .series(let series): series.values.textCount.addingClamped(series.index.count)
        case .frame(let frame), .row(let frame):
            frame.columns.reduce(frame.index.count) { $0.addingClamped($1.values.textCount) }
        case .dataArray(let array): array.coords.reduce(array.values.textCount) { $0.addingClamped($1.labels.count) }
        case .structure(let members): members.reduce(0) { $0.addingClamped($1.excerpt.textCount) }
        case .list(let items): items.reduce(0) { $0.addingClamped($1.textCount) }
        }
    }

    /// How many labels of rows it has.
    package var labelCount: Int {
        switch self {
        case .series(let series): series.index.count
        case .frame(let frame), .row(let frame): frame.index.count
        case .labels(let labels): labels.count
        default: 0
        }
    }

    /// The one array that it is, for representations without labels; nil where it is several, or text.
    package var onlyArray: Part? {
        switch self {
        case .array(let part), .bytes(let part): part
        case .series(let series): series.values
        case .dataArray(let array): array.values
        default: nil
        }
    }
}

/// The parts of an excerpt in their order: what has to be copied out of a segment, or into it.
package struct ExcerptParts {
    /// The array of the segment, by its number, and what is picked of it.
    package var parts: [(array: Int, selection: Selection)] = []

    /// Bytes of all parts together.
    package var byteCount: Int { parts.reduce(0) { $0 + $1.selection.region.byteCount } }

    /// None.
    package init() {}

    mutating func add(
        _ array: Int,
        _ picks: [AxisPick],
        _ type: Excerpt.PartType,
        _ arrays: [ArrayBuffer]
    )
        -> Excerpt.Part
    {
        let selection = Selection(picks, of: arrays[array])
        parts.append((array, selection))
        return Excerpt.Part(number: parts.count - 1, type: type, shape: selection.shape)
    }
}

extension Excerpt.Part {
    /// How many values there are, or lists around none of them.
    fileprivate var textCount: Int {
        var count = 1
        for extent in shape.prefix(while: { $0 > 0 }) {
            count = count.multipliedClamped(by: extent)
        }
        return count
    }
}
