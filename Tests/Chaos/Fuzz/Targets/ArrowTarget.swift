internal import Layouts
internal import Representations
internal import Segments

/// The first byte says whether the others are an Arrow stream or a file.
///
/// What is a dataframe is stored; written as Arrow again and read again, it is the same. It is also read into frames
/// that stand already, which refuse it or take all of it.
struct ArrowTarget: FuzzTarget {
    /// So many bytes may buffers unpack to, and columns take.
    private static let limit = 1 << 20
    /// Frames of two rows: one with every dtype that Arrow has, one with labels of texts.
    private let frames: [SegmentHeader]

    init() throws {
        let dtypes = ["b1", "i1", "i8", "u2", "f2", "f8", "M8[ns]", "m8[s]", "S4", "U2"]
        let columns = dtypes.map { #"{"name":"\#($0)","dtype":"\#($0)"}"# }.joined(separator: ",")
        frames = try [
            #"{"kind":"dataframe","columns":[\#(columns)],"index":2}"#,
            #"{"kind":"dataframe","columns":[{"name":"x","dtype":"f4"}],"index":["a","b"]}"#,
        ].map { try SegmentHeader(layout: LayoutNode(json: $0), attrs: "{}") }
    }

    func run(_ bytes: [UInt8]) throws {
        let asFile = (bytes.first ?? 0) & 1 == 1
        // At an address of its own, so that a sanitizer sees a step over either end.
        let body = Array(bytes.dropFirst())
        try body.withUnsafeBytes { raw in
            guard let read = try attempt({ try ArrowBody(reading: raw, asFile: asFile, limit: Self.limit) }) else {
                return
            }
            try require(read.unpackedByteCount <= Self.limit, "buffers unpack to more than they may")
            for header in frames { _ = try attempt { try Self.patch(header, read) } }
            guard let (header, stored) = try attempt({ try Self.stored(read) }) else { return }
            // Rows without columns cost nothing, and their labels are a range: who writes them out asks how many there are.
            guard read.rowCount <= Self.limit else { return }
            try Self.compare(header, stored, asFile: asFile)
        }
    }

    /// The value, or nil for an error that a body may have; any other is a finding.
    private func attempt<R>(_ body: () throws -> R) throws -> R? {
        do {
            return try body()
        } catch is RepresentationError {
            return nil
        } catch let error as LayoutError {
            switch error {
            case .invalidDType, .invalidLayout: return nil
            default: throw Finding("an Arrow body is refused as \(error)")
            }
        }
    }

    private static func patch(_ header: SegmentHeader, _ body: ArrowBody) throws {
        let (excerpt, places) = excerpt(header)
        try ExcerptReader { places[$0] }.read(body, excerpt)
        withExtendedLifetime(places) {}
    }

    /// The header of the frame that a body is, and its columns.
    private static func stored(_ body: ArrowBody) throws -> (SegmentHeader, Places) {
        let (layout, attrs) = try body.frame(limit: limit)
        let header = try SegmentHeader(layout: LayoutNode(layout), attrs: attrs)
        let (excerpt, places) = excerpt(header)
        guard case .frame(let frame) = excerpt else { throw Finding("a frame is none") }
        try body.store(frame) { places[$0] }
        return (header, places)
    }

    /// Writes a frame and reads it again.
    private static func compare(_ header: SegmentHeader, _ places: Places, asFile: Bool) throws {
        let (excerpt, _) = excerpt(header)
        guard case .frame(let frame) = excerpt else { return }
        // A name that pandas gives to labels without one cannot be a column's, too.
        guard !frame.columns.contains(where: { $0.name == (frame.index.name ?? "__index_level_0__") }) else { return }
        // What is no UTF-8 does not come back.
        for (number, column) in frame.columns.enumerated() {
            guard case .bytes = column.values.type.dtype.element else { continue }
            if places.bytes(number).contains(where: { $0 >= 0x80 }) { return }
        }
        let stream = try ArrowStream(excerpt, asFile: asFile, attrs: header.attrs, owner: places) {
            UnsafeRawPointer(places[$0])
        }
        var written = [UInt8](repeating: 0, count: stream.count)
        written.withUnsafeMutableBytes { _ = stream.read(from: 0, into: $0) }
        try written.withUnsafeBytes { raw in
            let body = try ArrowBody(reading: raw, asFile: asFile, limit: limit)
            let again = Places(header)
            try body.store(frame) { again[$0] }
            for (number, column) in frame.columns.enumerated() {
                try require(
                    places.bytes(number) == again.bytes(number),
                    "\(column.name) changes from reading to reading"
                )
            }
        }
    }

    private static func excerpt(_ header: SegmentHeader) -> (Excerpt, Places) {
        var parts = ExcerptParts()
        let maker = ExcerptMaker(arrays: header.arrays) { contents, _ in LabelIndex(contents) }
        return (maker.whole(header.layout, into: &parts), Places(header))
    }
}

/// Memory for the columns of a frame, each of its own.
private final class Places {
    private let places: [UnsafeMutableRawBufferPointer]

    init(_ header: SegmentHeader) {
        var parts = ExcerptParts()
        _ = ExcerptMaker(arrays: header.arrays) { contents, _ in LabelIndex(contents) }.whole(
            header.layout,
            into: &parts
        )
        places = parts.parts.map {
            let place = UnsafeMutableRawBufferPointer.allocate(byteCount: $0.selection.region.byteCount, alignment: 8)
            place.initializeMemory(as: UInt8.self, repeating: 0)
            return place
        }
    }

    deinit { for place in places { place.deallocate() } }

    subscript(part: Int) -> UnsafeMutableRawPointer {
        places[part].baseAddress ?? UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped
    }

    func bytes(_ part: Int) -> [UInt8] { [UInt8](places[part]) }
}
