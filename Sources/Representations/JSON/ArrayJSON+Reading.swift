package import Documents
package import Layouts

extension ArrayJSON {
    /// Reads the next value of a document as an array of a dtype: nested lists of elements, or one element.
    ///
    /// No more than `limit` elements are read: what is to be broadcast is never larger than its target.
    ///
    /// The shape is that of the lists; every list of one level has to have the same length.
    package static func read(
        _ reader: inout JSONReader,
        dtype: DType,
        zone: TimeZone? = nil,
        atMost limit: Int = .max
    ) throws(RepresentationError) -> PackedArray {
        if let array = numbers(&reader, dtype, atMost: limit) { return array }
        var scout = reader
        let shape = try shape(&scout, elementDepth: elementDepth(dtype))
        guard let count = product(shape, times: 1), count <= limit else {
            throw .shapeMismatch("expected at most \(limit) elements, got the shape \(tuple(shape))")
        }
        let array = try PackedArray(dtype: dtype, shape: shape)
        let element = ElementReader(dtype, zone: zone)
        var next = array.base
        let rowCount = shape.last ?? 1
        try list(&reader, shape.dropLast()) { reader throws(RepresentationError) in
            defer { next += rowCount * dtype.byteCount }
            let before = reader
            if !shape.isEmpty, elementDepth(dtype) == 0,
                numbers(&reader, dtype, atMost: rowCount, into: next) == rowCount
            {
                return
            }
            reader = before
            var place = next
            try list(&reader, shape.suffix(1)) { reader throws(RepresentationError) in
                try element.read(&reader, into: place)
                place += dtype.byteCount
            }
        }
        return array
    }

    /// Reads a list of numbers and nulls that the dtype can hold; nil, with nothing read, if it is anything else.
    private static func numbers(
        _ reader: inout JSONReader,
        _ dtype: DType,
        atMost limit: Int
    ) -> PackedArray? {
        // A number has a byte and a comma or bracket behind it. What is reserved and not needed is never touched.
        let most = min(limit, (reader.byteCount - reader.offset) / 2)
        guard most > 0, elementDepth(dtype) == 0, let array = try? PackedArray(dtype: dtype, shape: [most]) else {
            return nil
        }
        guard let count = numbers(&reader, dtype, atMost: most, into: array.base) else { return nil }
        return array.first(count)
    }

    private static func numbers(
        _ reader: inout JSONReader,
        _ dtype: DType,
        atMost limit: Int,
        into place: UnsafeMutableRawPointer
    ) -> Int? {
        if dtype.element == .float64, !dtype.isBigEndian {
            return reader.numbers(atMost: limit) { index, number in
                switch number {
                case .double(let value): place.storeBytes(of: value, toByteOffset: index * 8, as: Double.self)
                case .integer(let value) where value.magnitude <= 1 << 53:
                    place.storeBytes(of: Double(value), toByteOffset: index * 8, as: Double.self)
                case nil: place.storeBytes(of: .nan, toByteOffset: index * 8, as: Double.self)
                default: return false
                }
                return true
            }
        }
        let size = dtype.byteCount
        return reader.numbers(atMost: limit) { index, number in
            let store = ElementStore(dtype: dtype, place: place + index * size)
            return if let number { store.number(number) } else { store.null() }
        }
    }

    /// How deep lists go inside one element: `[re, im]`, `[field, …]`.
    private static func elementDepth(_ dtype: DType) -> Int {
        switch dtype.element {
        case .complex64, .complex128: 1
        case .structured(let fields): 1 + fields[0].shape.count + elementDepth(fields[0].dtype)
        default: 0
        }
    }

    /// The lengths of the lists along the first elements, without those that belong to an element.
    ///
    /// An empty list ends the walk: an element has no empty list in it.
    private static func shape(
        _ reader: inout JSONReader,
        elementDepth: Int
    ) throws(RepresentationError) -> [Int] {
        var shape: [Int] = []
        var inner = reader
        do throws(JSONError) {
            while try inner.peek() == .array {
                var counter = inner
                shape.append(try length(&counter))
                if shape.last == 0 { return shape }
                try inner.beginArray()
                _ = try inner.nextElement()
            }
        } catch {
            throw .invalidJSON("\(error)")
        }
        guard shape.count >= elementDepth else {
            if elementDepth == 1 { return [] }
            throw .shapeMismatch("expected lists of depth \(elementDepth) for an element, got depth \(shape.count)")
        }
        shape.removeLast(elementDepth)
        if shape.count > maximumRank {
            throw .shapeMismatch("expected at most \(maximumRank) axes, got lists of depth \(shape.count)")
        }
        return shape
    }

    private static func length(_ reader: inout JSONReader) throws(JSONError) -> Int {
        var count = 0
        try reader.beginArray()
        while try reader.nextElement() {
            _ = try reader.skip()
            count += 1
        }
        return count
    }

    /// Walks nested lists of a shape and calls `element` where each element begins.
    static func list(
        _ reader: inout JSONReader,
        _ shape: ArraySlice<Int>,
        _ element: (inout JSONReader) throws(RepresentationError) -> Void
    ) throws(RepresentationError) {
        guard let extent = shape.first else { return try element(&reader) }
        let inner = shape.dropFirst()
        var count = 0
        try parsing(&reader) { reader throws(JSONError) in
            guard try reader.peek() == .array else { return }
            try reader.beginArray()
            count = -1
        }
        guard count < 0 else {
            throw .shapeMismatch("expected a list of \(extent) at byte \(reader.offset), got a single value")
        }
        count = 0
        while try parsing(&reader, { reader throws(JSONError) in try reader.nextElement() }) {
            if count == extent {
                throw .shapeMismatch(
                    "expected lists of one length, \(extent), got a longer one at byte \(reader.offset)"
                )
            }
            try list(&reader, inner, element)
            count += 1
        }
        if count < extent {
            throw .shapeMismatch(
                "expected lists of one length, \(extent), got one of \(count) that ends at byte \(reader.offset)"
            )
        }
    }

    /// Runs a step of the parser and gives its error the name that a body's has.
    @inline(__always)
    @discardableResult
    static func parsing<R>(
        _ reader: inout JSONReader,
        _ step: (inout JSONReader) throws(JSONError) -> R
    ) throws(RepresentationError) -> R {
        do throws(JSONError) {
            return try step(&reader)
        } catch {
            throw .invalidJSON("\(error)")
        }
    }
}
