package import Documents
internal import Glibc
package import Layouts

/// Reads bodies that have the form of an excerpt into the packed bytes of its parts.
///
/// What JSON gives is the bare data, which broadcasts as in NumPy, or the envelope of a GET, whose labels have to be
/// those of the selection.
package struct ExcerptReader {
    /// Where the packed bytes of a part go; as many as its shape and dtype say.
    let place: (Int) -> UnsafeMutableRawPointer

    /// Whether arrays have to have their shape, so that none broadcasts.
    private let isExact: Bool

    /// A reader into packed parts.
    package init(isExact: Bool = false, place: @escaping (Int) -> UnsafeMutableRawPointer) {
        self.isExact = isExact
        self.place = place
    }

    /// Reads the next value of a document.
    package func read(_ reader: inout JSONReader, _ excerpt: Excerpt) throws {
        switch excerpt {
        case .array(let part), .bytes(let part):
            var isBytes = false
            if case .bytes = excerpt { isBytes = true }
            let form = ArrayEnvelope(
                isBytes: isBytes,
                dtype: part.type.dtype,
                zone: part.type.zone,
                limit: part.mostElements
            )
            try store(try form.read(&reader), part)
        case .json(let part): try readText(&reader, part)
        case .series(let series): try read(&reader, series)
        case .frame(let frame): try read(&reader, frame)
        case .row(let frame): try readRow(&reader, frame)
        case .dataArray(let array): try read(&reader, array)
        case .labels: throw RepresentationError.shapeMismatch("expected values, for labels cannot be written")
        case .structure(let members): try read(&reader, members)
        case .list(let items): try read(&reader, items)
        }
    }

    private func store(_ array: consuming PackedArray, _ part: Excerpt.Part) throws(RepresentationError) {
        if isExact, array.shape != part.shape {
            throw .shapeMismatch("expected data of shape \(tuple(part.shape)), got \(tuple(array.shape))")
        }
        let packed = try array.broadcast(to: part.shape)
        memcpy(place(part.number), packed.base, packed.byteCount)
    }

    private func readText(_ reader: inout JSONReader, _ part: Excerpt.Part) throws {
        let capacity = part.shape.reduce(1, *)
        let range = try reader.skip()
        if try reader.hasOverflow(in: range) {
            throw RepresentationError.valueOutOfRange("expected numbers that a double can hold, got a greater one")
        }
        guard range.count <= capacity else {
            throw RepresentationError.valueOutOfRange("expected JSON of at most \(capacity) bytes, got \(range.count)")
        }
        let target = place(part.number)
        memset(target, 0, capacity)
        reader.copy(range, to: target)
    }

    private func read(_ reader: inout JSONReader, _ members: [(name: String, excerpt: Excerpt)]) throws {
        guard try reader.peek() == .object else {
            throw RepresentationError.shapeMismatch("expected an object of members for a struct")
        }
        var places: [[UInt8]: Int] = [:]
        var isSeen = [Bool](repeating: false, count: members.count)
        var next = 0
        try reader.beginObject()
        while let key = try reader.nextKey() {
            // Mostly members come in their order; a dictionary is made for those that do not.
            if next >= members.count || !members[next].name.utf8.elementsEqual(key.utf8) {
                if places.isEmpty {
                    for (place, member) in members.enumerated() { places[Array(member.name.utf8)] = place }
                }
                guard let place = places[Array(key.utf8)] else {
                    throw RepresentationError.labelMismatch("the struct has no member \"\(key)\"")
                }
                next = place
            }
            isSeen[next] = true
            try read(&reader, members[next].excerpt)
            next += 1
        }
        if let place = isSeen.firstIndex(of: false) {
            throw RepresentationError.labelMismatch(
                "expected all members of the struct, \"\(members[place].name)\" is missing"
            )
        }
    }

    private func read(_ reader: inout JSONReader, _ items: [Excerpt]) throws {
        guard try reader.peek() == .array else {
            throw RepresentationError.shapeMismatch("expected a list of \(items.count) items")
        }
        try reader.beginArray()
        var count = 0
        while try reader.nextElement() {
            guard count < items.count else {
                throw RepresentationError.shapeMismatch("expected a list of \(items.count) items, got more")
            }
            try read(&reader, items[count])
            count += 1
        }
        if count < items.count {
            throw RepresentationError.shapeMismatch("expected a list of \(items.count) items, got \(count)")
        }
    }

    private func read(_ reader: inout JSONReader, _ series: Excerpt.Series) throws {
        let index = series.index
        try readEnvelope(&reader, ["name", "dtype"], series.values) { key, value throws in
            if key == "index" { try Self.check(value, index) } else { return false }
            return true
        }
    }

    private func read(_ reader: inout JSONReader, _ array: Excerpt.LabelledArray) throws {
        try readEnvelope(&reader, ["name", "dtype", "attrs"], array.values) { key, value throws in
            switch key {
            case "dims":
                guard value == .array(array.dims.map(JSONValue.string)) else {
                    throw RepresentationError.labelMismatch("expected the dims \(array.dims)")
                }
            case "coords": try Self.checkCoords(value, array)
            default: return false
            }
            return true
        }
    }

    /// Reads an array, or an object whose member `data` is one; `check` takes the members that have to fit.
    private func readEnvelope(
        _ reader: inout JSONReader,
        _ ignored: [String],
        _ part: Excerpt.Part,
        check: (String, JSONValue) throws -> Bool
    ) throws {
        var data: JSONReader?
        var shape: [Int]?
        if try reader.peek() == .object {
            let start = reader
            try reader.beginObject()
            var isElement = false
            while let key = try reader.nextKey() {
                switch key {
                case "data":
                    data = reader
                    _ = try reader.skip()
                case "shape": shape = try ArrayEnvelope.shape(reader.value())
                case "base64":
                    isElement = true
                    _ = try reader.skip()
                case _ where ignored.contains(key): _ = try reader.skip()
                default:
                    guard try check(key, try reader.value()) else {
                        throw RepresentationError.invalidJSON("expected an envelope as a GET gives it, got \"\(key)\"")
                    }
                }
            }
            if data == nil {
                guard isElement else { throw RepresentationError.invalidJSON("the envelope lacks its member \"data\"") }
                data = start
            }
        }
        let zone = part.type.zone.flatMap(TimeZone.named)
        if var data {
            let array = try ArrayJSON.read(&data, dtype: part.type.dtype, zone: zone, atMost: part.mostElements)
            try store(try array.restoring(shape), part)
        } else {
            try store(try ArrayJSON.read(&reader, dtype: part.type.dtype, zone: zone, atMost: part.mostElements), part)
        }
    }

    static func check(_ json: JSONValue, _ labels: PickedLabels) throws {
        guard LabelsJSON.matches(json, try labels.load(), shape: labels.shape[...]) else {
            throw RepresentationError.labelMismatch("expected the \(labels.count) labels of the selection, in order")
        }
    }

    private static func checkCoords(_ json: JSONValue, _ array: Excerpt.LabelledArray) throws {
        guard case .object(let object) = json else {
            throw RepresentationError.invalidJSON("expected coords as an object")
        }
        for member in object.members {
            guard let own = array.coords.first(where: { $0.name.utf8.elementsEqual(member.name.utf8) }) else {
                throw RepresentationError.labelMismatch("there is no coordinate \"\(member.name)\"")
            }
            var data = member.value
            if case .object(let coordinate) = data { data = coordinate["data"] ?? .null }
            try check(data, own.labels)
        }
    }
}

extension ExcerptReader {
    /// Rows, one row for all, one value for all; or the envelope; or `{"a": […], "b": […]}`.
    private func read(_ reader: inout JSONReader, _ frame: Excerpt.Frame) throws {
        guard try reader.peek() == .object else { return try readRows(&reader, frame) }
        var scout = reader
        var keys: [String] = []
        try scout.beginObject()
        while let key = try scout.nextKey() {
            keys.append(key)
            _ = try scout.skip()
        }
        guard keys.contains("data"), keys.allSatisfy({ ["columns", "index", "data", "dtypes"].contains($0) }) else {
            return try readColumns(&reader, frame)
        }
        var data: JSONReader?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "columns": try Self.checkNames(reader.value(), frame)
            case "index": try Self.check(reader.value(), frame.index)
            case "data":
                data = reader
                _ = try reader.skip()
            default: _ = try reader.skip()
            }
        }
        if var data { try readRows(&data, frame) }
    }

    private static func checkNames(_ json: JSONValue, _ frame: Excerpt.Frame) throws {
        guard json == .array(frame.columns.map { .string($0.name) }) else {
            throw RepresentationError.labelMismatch("expected the columns \(frame.columns.map(\.name)), in order")
        }
    }

    private func readColumns(_ reader: inout JSONReader, _ frame: Excerpt.Frame) throws {
        try reader.beginObject()
        var count = 0
        while let key = try reader.nextKey() {
            guard count < frame.columns.count, frame.columns[count].name.utf8.elementsEqual(key.utf8) else {
                throw RepresentationError.labelMismatch("expected the columns \(frame.columns.map(\.name)), in order")
            }
            let part = frame.columns[count].values
            let zone = part.type.zone.flatMap(TimeZone.named)
            try store(try ArrayJSON.read(&reader, dtype: part.type.dtype, zone: zone, atMost: part.mostElements), part)
            count += 1
        }
        if count < frame.columns.count {
            throw RepresentationError.labelMismatch("expected \(frame.columns.count) columns, got \(count)")
        }
    }

    private func readRows(_ reader: inout JSONReader, _ frame: Excerpt.Frame) throws {
        let elements = ElementReaders(frame, place)
        let rowCount = frame.index.count
        guard try reader.peek() == .array else {
            if isExact { throw RepresentationError.shapeMismatch("expected \(rowCount) rows, got a single value") }
            let start = reader
            try elements.readValue(&reader, from: start, row: 0)
            return elements.repeatRow(over: rowCount)
        }
        var scout = reader
        try scout.beginArray()
        let isEmpty = try !scout.nextElement()
        if !isEmpty, !isExact, try scout.peek() != .array {
            try elements.readRow(&reader, row: 0, isStored: rowCount > 0, isExact: isExact)
            return elements.repeatRow(over: rowCount)
        }
        var count = 0
        try reader.beginArray()
        while try reader.nextElement() {
            try elements.readRow(
                &reader,
                row: min(count, max(rowCount - 1, 0)),
                isStored: rowCount > 0,
                isExact: isExact
            )
            count += 1
        }
        if count == 1, rowCount != 1, !isExact { return elements.repeatRow(over: rowCount) }
        guard count == rowCount else {
            throw RepresentationError.shapeMismatch("expected \(rowCount) rows, got \(count)")
        }
    }

    /// A list of one value for each column, one value for all, or a series over the columns.
    private func readRow(_ reader: inout JSONReader, _ frame: Excerpt.Frame) throws {
        let elements = ElementReaders(frame, place)
        switch try reader.peek() {
        case .array:
            // A list in a list is a table of one row.
            var scout = reader
            try scout.beginArray()
            if try scout.nextElement(), try scout.peek() == .array {
                try elements.readRow(&scout, row: 0, isStored: true, isExact: isExact)
                guard try !scout.nextElement() else {
                    throw RepresentationError.shapeMismatch("expected one row, got more")
                }
                reader = scout
            } else {
                try elements.readRow(&reader, row: 0, isStored: true, isExact: isExact)
            }
        case .object:
            var data: JSONReader?
            try reader.beginObject()
            while let key = try reader.nextKey() {
                switch key {
                case "index": try Self.checkNames(reader.value(), frame)
                case "data":
                    data = reader
                    _ = try reader.skip()
                case "name", "dtype": _ = try reader.skip()
                default: throw RepresentationError.invalidJSON("expected the envelope of a series, got \"\(key)\"")
                }
            }
            guard var data else { throw RepresentationError.invalidJSON("the envelope lacks its member \"data\"") }
            try elements.readRow(&data, row: 0, isStored: true, isExact: isExact)
        default:
            let start = reader
            try elements.readValue(&reader, from: start, row: 0)
        }
    }
}

extension Excerpt.Part {
    /// How many elements a body may bring for it; one is none too many for an empty one.
    fileprivate var mostElements: Int { max(product(shape, times: 1) ?? 1, 1) }
}
