internal import Documents
internal import Glibc
internal import Layouts
internal import Representations
internal import Segments

/// What the arrays of a new segment hold at first; zero where nothing is said.
struct Contents {
    private enum Piece {
        /// One element everywhere.
        case element([UInt8])
        /// All bytes of the array, or the first of them.
        case bytes([UInt8])
        /// All bytes of the array, in memory of their own.
        case source(ByteSource)
    }

    private var pieces: [(array: ArrayBuffer, piece: Piece)] = []

    /// Labels, and what else the layout itself says.
    init(of header: SegmentHeader) {
        for (array, wanted) in zip(header.arrays, header.layout.arrays) {
            if let bytes = wanted.contents { pieces.append((array, .bytes(bytes))) }
        }
    }

    /// One value in every array that is neither labels nor JSON, as each dtype has it.
    init(filling header: SegmentHeader, from start: inout JSONReader) throws {
        self.init(of: header)
        let (excerpt, parts) = Self.whole(header)
        let values = excerpt.values
        if values.isEmpty { throw Problem(.invalidLayout, "expected a layout with arrays to fill, this one has none") }
        for part in values {
            var reader = start
            let zone = part.type.zone.flatMap(TimeZone.named)
            let element = try ArrayJSON.read(&reader, dtype: part.type.dtype, zone: zone)
            guard element.shape.isEmpty else {
                throw Problem(.shapeMismatch, "expected one value for fill, got the shape \(tuple(element.shape))")
            }
            pieces.append((header.arrays[parts.parts[part.number].array], .element(Array(element.bytes))))
        }
    }

    /// The form that a GET of the segment would give, or its bare data.
    init(of header: SegmentHeader, from start: inout JSONReader) throws {
        self.init(of: header)
        let (excerpt, parts) = Self.whole(header)
        let places = try reserve(parts, header)
        try ExcerptReader(isExact: true) { places[$0] }.read(&start, excerpt)
    }

    /// The columns of a table, whose frame the layout is.
    init(of header: SegmentHeader, from table: ArrowBody) throws {
        self.init(of: header)
        let (excerpt, parts) = Self.whole(header)
        guard case .frame(let frame) = excerpt else { preconditionFailure("the layout of a table is a frame") }
        let places = try reserve(parts, header)
        try table.store(frame) { places[$0] }
    }

    /// Takes memory, zero at first, for the bytes of each part.
    private mutating func reserve(
        _ parts: ExcerptParts,
        _ header: SegmentHeader
    ) throws(Problem)
        -> [UnsafeMutableRawPointer]
    {
        var places: [UnsafeMutableRawPointer] = []
        for (array, selection) in parts.parts {
            guard let place = calloc(1, max(selection.region.byteCount, 1)) else {
                throw Problem(.busy, "no memory for \(selection.region.byteCount) bytes of data")
            }
            places.append(place)
            let bytes = UnsafeRawBufferPointer(start: place, count: selection.region.byteCount)
            pieces.append((header.arrays[array], .source(ByteSource(bytes) { free(place) })))
        }
        return places
    }

    /// All of a layout whose labels came with the request.
    private static func whole(_ header: SegmentHeader) -> (Excerpt, ExcerptParts) {
        var parts = ExcerptParts()
        let maker = ExcerptMaker(arrays: header.arrays) { contents, _ in LabelIndex(contents) }
        return (maker.whole(header.layout, into: &parts), parts)
    }

    /// Stores everything in a draft.
    func write(to draft: SegmentDraft) throws(SegmentError) {
        for (array, piece) in pieces {
            let range = array.byteOffset..<(array.byteOffset + array.byteCount)
            switch piece {
            case .element(let bytes):
                let filled: Result<Void, SegmentError> = bytes.withUnsafeBytes { raw in
                    Result { () throws(SegmentError) in try draft.fill(range, repeating: raw) }
                }
                try filled.get()
            case .bytes(let bytes):
                let filled: Result<Void, SegmentError> = bytes.withUnsafeBytes { raw in
                    Result { () throws(SegmentError) in
                        guard let base = raw.baseAddress else { return }
                        let region = Region(byteOffset: range.lowerBound, itemByteCount: raw.count, axes: [])
                        try draft.fill(region, from: base)
                    }
                }
                try filled.get()
            case .source(let source):
                try draft.fill(Region(byteOffset: range.lowerBound, itemByteCount: range.count, axes: []), from: source)
            }
        }
    }
}
