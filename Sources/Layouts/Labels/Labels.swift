internal import Documents

/// The labels along an axis: what they are and how many, not the labels themselves.
///
/// They never change once their segment has its name. Numbers, bools and times are a plain buffer; texts are two: an
/// int64 `offsets` of n + 1 and the UTF-8 `bytes` that they cut; a range is only written down.
public enum Labels: Equatable, Sendable {
    /// `start`, `start + step`, … before `stop`, as Python's `range`.
    case range(start: Int, stop: Int, step: Int)
    /// One element of a dtype each; instants may belong to a time zone.
    case elements(DType, count: Int, zone: String?)
    /// UTF-8 texts of `byteCount` bytes together.
    case texts(count: Int, byteCount: Int)

    /// How many there are.
    public var count: Int {
        switch self {
        case .range(let start, let stop, let step): Self.rangeCount(start, stop, step)
        case .elements(_, let count, _), .texts(let count, _): count
        }
    }

    /// The buffers that they need, below a path; in C order over a shape where they label more than one axis.
    package func arrays(at path: String, shape: [Int]? = nil) -> [ArraySpecification] {
        switch self {
        case .range: []
        case .elements(let dtype, let count, _):
            [ArraySpecification(path: path, dtype: dtype, shape: shape ?? [count])]
        case .texts(let count, let byteCount):
            [
                ArraySpecification(path: path + "/offsets", dtype: DType(.int64), shape: [count + 1]),
                ArraySpecification(path: path + "/bytes", dtype: DType(.uint8), shape: [byteCount]),
            ]
        }
    }

    /// How many buffers they need.
    package var arrayCount: Int {
        switch self {
        case .range: 0
        case .elements: 1
        case .texts: 2
        }
    }

    /// Writes the members of the object that the header has: a range, or the buffer that holds them.
    func writeFields(to json: inout JSONWriter, at path: String) {
        switch self {
        case .range(let start, let stop, let step):
            json.key("range")
            json.shape([start, stop, step])
        case .elements(let dtype, let count, let zone):
            json.key("dtype")
            dtype.write(to: &json)
            if let zone {
                json.key("tz")
                json.string(zone)
            }
            json.key("size")
            json.integer(Int64(count))
            json.key("buffer")
            json.string(path)
        case .texts(let count, let byteCount):
            json.key("dtype")
            json.string("str")
            json.key("size")
            json.integer(Int64(count))
            json.key("nbytes")
            json.integer(Int64(byteCount))
            json.key("buffer")
            json.string(path)
        }
    }

    static func rangeCount(_ start: Int, _ stop: Int, _ step: Int) -> Int {
        let (distance, overflow) =
            step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        if overflow || distance <= 0 { return 0 }
        return Int((UInt(distance) - 1) / step.magnitude) + 1
    }
}

/// Labels, their name, and in a request the bytes of their buffers.
public struct LabelContents: Sendable {
    /// What they are and how many.
    public internal(set) var labels: Labels
    /// pandas' name of an index; nil without one.
    public internal(set) var name: String?
    /// The bytes of each buffer, in the order of ``Labels/arrays(at:shape:)``; empty where a segment has them.
    package var buffers: [[UInt8]]

    package init(labels: Labels, buffers: [[UInt8]], name: String? = nil) {
        self.labels = labels
        self.name = name
        self.buffers = buffers
    }

    /// The buffers that they need, with what is known of their contents.
    func arrays(at path: String, shape: [Int]? = nil) -> [ArraySpecification] {
        var arrays = labels.arrays(at: path, shape: shape)
        for (place, bytes) in zip(arrays.indices, buffers) { arrays[place].contents = bytes }
        return arrays
    }

    /// Writes them as the header has them.
    func write(to json: inout JSONWriter, at path: String) {
        json.beginObject()
        writeFields(to: &json, at: path)
        json.endObject()
    }

    func writeFields(to json: inout JSONWriter, at path: String) {
        labels.writeFields(to: &json, at: path)
        if let name {
            json.key("name")
            json.string(name)
        }
    }
}

extension LabelContents {
    /// Python's `range(start, stop, step)`; the step is not 0.
    public static func range(_ start: Int, _ stop: Int, step: Int = 1, name: String? = nil) -> LabelContents {
        precondition(step != 0, "a range has a step that is not 0")
        return LabelContents(labels: .range(start: start, stop: stop, step: step), buffers: [], name: name)
    }

    /// Integers.
    public init(_ values: [Int64], name: String? = nil) {
        self.init(elements: values, DType(.int64), name: name)
    }

    /// Numbers.
    public init(_ values: [Double], name: String? = nil) {
        self.init(elements: values, DType(.float64), name: name)
    }

    /// Instants as counts of a unit (s, ms, us or ns) since 1970.
    public init(instants counts: [Int64], unit: TimeUnit, name: String? = nil) throws(LayoutError) {
        let dtype = DType(.datetime(unit))
        try unit.requirePandas(dtype)
        self.init(elements: counts, dtype, name: name)
    }

    /// Texts.
    public init(_ texts: [String], name: String? = nil) {
        var offsets: [Int64] = [0]
        var bytes: [UInt8] = []
        for text in texts {
            bytes.append(contentsOf: text.utf8)
            offsets.append(Int64(bytes.count))
        }
        self.init(
            labels: .texts(count: texts.count, byteCount: bytes.count),
            buffers: [offsets.withUnsafeBytes { Array($0) }, bytes],
            name: name
        )
    }

    private init(elements: [some BitwiseCopyable], _ dtype: DType, name: String?) {
        self.init(
            labels: .elements(dtype, count: elements.count, zone: nil),
            buffers: [elements.withUnsafeBytes { Array($0) }],
            name: name
        )
    }
}
