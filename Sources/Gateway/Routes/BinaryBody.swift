internal import Glibc
internal import Layouts
internal import Representations
internal import Segments

/// A body of raw or npy.
struct BinaryBody {
    private let body: RequestBody

    init(_ body: RequestBody) { self.body = body }

    /// The packed bytes of an array, wherever they can be had from; a conversion takes room for what it makes.
    func bytes(for part: Excerpt.Part, in room: WriteRoom) throws -> ByteSource {
        if body.format == .npy { return try npy(part, in: room) }
        try Self.requireCount(body.count, for: part)
        try requireValues(of: part.type.dtype, in: 0..<body.count)
        return try body.source(0..<body.count)
    }

    /// Refuses raw bytes that are not those of the shape.
    static func requireCount(_ count: Int, for part: Excerpt.Part) throws(Problem) {
        let expected = product(part.shape, times: part.type.dtype.byteCount) ?? 0
        guard count == expected else {
            throw Problem(
                .shapeMismatch,
                "expected \(expected) bytes for the shape \(tuple(part.shape)) of \(part.type.dtype), got \(count)"
            )
        }
    }

    /// Refuses bytes of a range that are none of a dtype's values; most dtypes have none of those.
    func requireValues(of dtype: DType, in range: Range<Int>) throws {
        guard dtype.hasInvalidValues, dtype.byteCount > 0 else { return }
        let blockCount = max(1, (256 << 10) / dtype.byteCount)
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: blockCount * dtype.byteCount, alignment: 8)
        defer { block.deallocate() }
        var next = range.lowerBound
        while next < range.upperBound {
            let piece = UnsafeMutableRawBufferPointer(rebasing: block.prefix(range.upperBound - next))
            try body.copy(from: next, into: piece)
            if let number = dtype.firstInvalid(in: UnsafeRawBufferPointer(piece)) {
                let element = (next - range.lowerBound) / dtype.byteCount + number
                throw Problem(
                    .valueOutOfRange,
                    "expected values of \(dtype), the bytes of element \(element) are none: a bool is 0 or 1, and text "
                        + "has no surrogates and nothing above U+10FFFF"
                )
            }
            next += piece.count
        }
    }

    private func npy(_ part: Excerpt.Part, in room: WriteRoom) throws -> ByteSource {
        let (shape, dtype) = (part.shape, part.type.dtype)
        let front = try body.prefix(12)
        let header = try NpyHeader(reading: body.prefix(NpyHeader.byteCount(of: front) ?? front.count))
        guard header.shape == shape else {
            throw Problem(.shapeMismatch, "expected the shape \(tuple(shape)), got \(tuple(header.shape))")
        }
        let expected = product(shape, times: header.dtype.byteCount)
        let given = body.count - header.byteCount
        guard given == expected else {
            throw Problem(.invalidBody, "expected \(expected ?? 0) bytes behind the npy header, got \(given)")
        }
        let isSame = header.dtype == dtype || header.dtype == dtype.bufferDType
        let isPacked = !header.isFortranOrder || shape.count < 2
        if isSame, isPacked {
            try requireValues(of: dtype, in: header.byteCount..<body.count)
            return try body.source(header.byteCount..<body.count)
        }
        // What came, the same in C order, and converted: no more than two of them at a time.
        try room.take(given.addedClamped(max(given, product(shape, times: dtype.byteCount) ?? .max)))
        let array = try PackedArray(dtype: header.dtype, shape: shape)
        try body.copy(from: header.byteCount, into: UnsafeMutableRawBufferPointer(start: array.base, count: given))
        let ordered = isPacked ? array : try array.transposedFromFortranOrder()
        let bytes = try ordered.converted(to: dtype).take()
        return ByteSource(UnsafeRawBufferPointer(bytes)) { free(bytes.baseAddress) }
    }
}
