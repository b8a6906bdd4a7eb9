package import Documents

extension LabelContents {
    /// Reads labels from layout JSON.
    ///
    /// A list of integers, floats, bools or strings; an integer n for the range of n; `{"range": [start, stop, step]}`;
    /// `{"dtype": …, "data": […]}`; or `{"dtype": "datetime64[ns]", "start": …, "periods": n, "freq": "1D"}`.
    package init(_ json: JSONValue) throws(LayoutError) {
        switch json {
        case .number:
            guard let count = json.integer, count >= 0 else {
                throw .invalidLayout("expected a number of labels of 0 or more")
            }
            self.init(labels: .range(start: 0, stop: count, step: 1), buffers: [])
        case .array(let items): try self.init(inferring: items)
        case .object(let object): try self.init(object)
        default: throw .invalidLayout("expected labels as a list, a number or an object")
        }
    }

    /// Reads labels from a request, or from a header, where they lie in buffers that start at `path`.
    init(_ json: JSONValue, path: String, _ context: LayoutContext) throws(LayoutError) {
        if context.isHeader { try self.init(header: json, path: path) } else { try self.init(json) }
    }

    /// Reads the canonical form.
    private init(header json: JSONValue, path: String) throws(LayoutError) {
        guard case .object(var object) = json else { throw .invalidLayout("expected labels as an object") }
        let name = try Self.takeName(from: &object)
        if object["range"] != nil {
            try self.init(object)
            self.name = name
            return
        }
        guard object["buffer"] == .string(path), let count = object["size"]?.integer, count >= 0, count < Int.max / 16,
            object.members.allSatisfy({ ["dtype", "tz", "size", "nbytes", "buffer"].contains($0.name) })
        else { throw .invalidLayout("expected labels with size and buffer \(quoted(path))") }
        let (dtype, zone) = try Self.type(object)
        if let dtype {
            self.init(labels: .elements(dtype, count: count, zone: zone), buffers: [], name: name)
        } else {
            guard let byteCount = object["nbytes"]?.integer, byteCount >= 0 else {
                throw .invalidLayout("expected texts with their nbytes")
            }
            self.init(labels: .texts(count: count, byteCount: byteCount), buffers: [], name: name)
        }
    }

    /// Takes the member `name`, which may be missing or null.
    private static func takeName(from object: inout JSONObject) throws(LayoutError) -> String? {
        guard let place = object.members.firstIndex(where: { $0.name == "name" }) else { return nil }
        switch object.members.remove(at: place).value {
        case .null: return nil
        case .string(let name): return name
        default: throw .invalidLayout("expected the name of labels as a string or null")
        }
    }

    private init(_ object: JSONObject) throws(LayoutError) {
        var object = object
        let name = try Self.takeName(from: &object)
        try self.init(unnamed: object)
        self.name = name
    }

    private init(unnamed object: JSONObject) throws(LayoutError) {
        if let range = object["range"] {
            guard object.members.count == 1, case .array(let parts) = range, (1...3).contains(parts.count) else {
                throw .invalidLayout("expected a range as [start, stop, step]")
            }
            let numbers = parts.compactMap(\.integer)
            guard numbers.count == parts.count, numbers.count < 3 || numbers[2] != 0 else {
                throw .invalidLayout("expected a range of integers with a step that is not 0")
            }
            let start = numbers.count > 1 ? numbers[0] : 0
            let stop = numbers.count > 1 ? numbers[1] : numbers[0]
            guard !stop.subtractingReportingOverflow(start).overflow else {
                throw .invalidLayout("expected a range that spans less than 2^63, got \(numbers)")
            }
            self.init(labels: .range(start: start, stop: stop, step: numbers.count > 2 ? numbers[2] : 1), buffers: [])
            return
        }
        let known: Set = ["dtype", "tz", "data", "start", "periods", "freq"]
        if let unknown = object.members.first(where: { !known.contains($0.name) }) {
            throw .invalidLayout("expected the fields of labels, got \(quoted(unknown.name))")
        }
        let (dtype, zone) = try Self.type(object)
        if let zone, TimeZone.named(zone) == nil { throw .invalidDType("there is no time zone \(quoted(zone))") }
        if let data = object["data"] {
            guard case .array(let items) = data else { throw .invalidLayout("expected the labels' data as a list") }
            if let dtype {
                try self.init(items, as: dtype, zone: zone)
            } else {
                try self.init(texts: items)
            }
            return
        }
        guard let dtype, case .datetime(let unit) = dtype.element else {
            throw .invalidLayout("expected data, or start, periods and freq of a datetime64")
        }
        self = try Self.dateRange(object, dtype, unit, zone)
    }

    /// The dtype and time zone of an object; nil for texts.
    private static func type(_ object: JSONObject) throws(LayoutError) -> (DType?, zone: String?) {
        var zone: String?
        if let value = object["tz"] {
            guard case .string(let name) = value else {
                throw .invalidLayout("expected a time zone's name as a string")
            }
            zone = name
        }
        guard let value = object["dtype"] else { throw .invalidLayout("the labels lack their dtype") }
        if case .string(let text) = value {
            if ["str", "string", "object", "large_utf8", "utf8"].contains(text) { return (nil, nil) }
            // pandas writes the zone into the brackets.
            if let (plain, inside) = splitZone(text) { return (try labelType(DType(plain)), inside) }
        }
        let dtype = try DType(value)
        if case .text = dtype.element { return (nil, nil) }
        return (try labelType(dtype), zone)
    }

    /// Refuses what no label can be.
    private static func labelType(_ dtype: DType) throws(LayoutError) -> DType {
        switch dtype.element {
        case .datetime(let unit), .timedelta(let unit):
            try unit.requirePandas(dtype)
        case .structured, .complex64, .complex128, .bytes, .bfloat16:
            throw .invalidDType("expected labels of numbers, bools, texts or times, got \(dtype)")
        default: break
        }
        return DType(dtype.element)
    }

    private init(_ items: [JSONValue], as dtype: DType, zone: String?) throws(LayoutError) {
        var bytes = [UInt8](repeating: 0, count: items.count * dtype.byteCount)
        var failed: Int?
        bytes.withUnsafeMutableBytes { buffer in
            guard var place = buffer.baseAddress else { return }
            for (index, item) in items.enumerated() {
                guard ElementStore(dtype: dtype, place: place, zone: zone.flatMap(TimeZone.named)).value(item) else {
                    failed = index
                    return
                }
                place += dtype.byteCount
            }
        }
        if let failed { throw .invalidLayout("label \(failed) is no \(dtype)") }
        self.init(labels: .elements(dtype, count: items.count, zone: zone), buffers: [bytes])
    }

    private init(texts items: [JSONValue]) throws(LayoutError) {
        var offsets: [UInt8] = []
        var bytes: [UInt8] = []
        func appendOffset() { withUnsafeBytes(of: Int64(bytes.count).littleEndian) { offsets.append(contentsOf: $0) } }
        appendOffset()
        for (index, item) in items.enumerated() {
            guard case .string(let text) = item else { throw .invalidLayout("label \(index) is no string") }
            bytes.append(contentsOf: text.utf8)
            appendOffset()
        }
        self.init(labels: .texts(count: items.count, byteCount: bytes.count), buffers: [offsets, bytes])
    }

    /// The type of a bare list is that of its items: all bools, all integers, all numbers, or all strings.
    private init(inferring items: [JSONValue]) throws(LayoutError) {
        var kinds: Set<String> = []
        for item in items {
            switch item {
            case .bool: kinds.insert("bool")
            case .number(.integer): kinds.insert("integer")
            case .number(.unsigned): kinds.insert("unsigned")
            case .number(.double), .null: kinds.insert("float")
            case .string: kinds.insert("string")
            default: kinds.insert("none")
            }
        }
        switch kinds {
        case []: self.init(labels: .range(start: 0, stop: 0, step: 1), buffers: [])
        case ["bool"]: try self.init(items, as: DType(.bool), zone: nil)
        case ["integer"]: try self.init(items, as: DType(.int64), zone: nil)
        case ["unsigned"], ["integer", "unsigned"]: try self.init(items, as: DType(.uint64), zone: nil)
        case ["float"], ["integer", "float"]: try self.init(items, as: DType(.float64), zone: nil)
        case ["string"]: try self.init(texts: items)
        default: throw .invalidLayout("expected labels of one type, got \(kinds.sorted().joined(separator: " and "))")
        }
    }

    /// The most labels that a start and a step may stand for: a short request is not to fill the memory.
    private static let mostPeriods = 1 << 27

    private static func dateRange(
        _ object: JSONObject,
        _ dtype: DType,
        _ unit: TimeUnit,
        _ zoneName: String?
    ) throws(LayoutError) -> LabelContents {
        guard case .string(let startText) = object["start"], let periods = object["periods"]?.integer, periods >= 0,
            case .string(let freq) = object["freq"]
        else { throw .invalidLayout("expected a date range with start, periods and freq") }
        // Days of a zone are counted by its own clock, so that each begins at the same local time.
        let zone = zoneName.flatMap(TimeZone.named)
        let isLocal = zone != nil && freq.hasSuffix("D")
        guard case .count(let start) = DateTime.read(startText, unit: unit, zone: isLocal ? nil : zone),
            start != DateTime.nat
        else { throw .invalidLayout("expected a start that \(dtype) can hold, got \(quoted(startText))") }
        guard let step = Duration.readStep(freq, unit: unit), step > 0 else {
            throw .invalidLayout("expected a freq such as 1D, 2h, 15min, 1s or 100ms, got \(quoted(freq))")
        }
        let (reach, overflow) = step.multipliedReportingOverflow(by: Int64(max(periods - 1, 0)))
        let beyond = LayoutError.invalidLayout("the date range goes beyond what \(dtype) can hold")
        guard !overflow, !start.addingReportingOverflow(reach).overflow else { throw beyond }
        guard periods <= mostPeriods else {
            throw .invalidLayout("expected a date range of at most \(mostPeriods) periods, got \(periods)")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 * periods)
        for index in 0..<periods {
            var count = start + step * Int64(index)
            if isLocal, let zone {
                guard let instant = zone.count(ofLocal: count, unit: unit) else { throw beyond }
                count = instant
            }
            withUnsafeBytes(of: count.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return LabelContents(labels: .elements(dtype, count: periods, zone: zoneName), buffers: [bytes])
    }
}

extension ElementStore {
    /// Stores a JSON value that is no list.
    package func value(_ json: JSONValue) -> Bool {
        switch json {
        case .number(let number): self.number(number)
        case .string(let text): self.text(text)
        case .bool(let flag): self.flag(flag)
        case .null: null()
        case .array, .object: false
        }
    }
}
