internal import CLZ4
internal import CZlib
internal import CZstd
internal import Glibc

/// Undoes a coding, piece by piece; what is not its coding throws, and is never read or written out of bounds.
///
/// Members of gzip and frames of zstd or LZ4 that stand one behind the other are one text, as their RFCs say.
package struct Unpacker: ~Copyable {
    private enum State {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
        case lz4(OpaquePointer)
    }

    private let coding: Coding
    private let state: State
    /// Whether the last member or frame is complete.
    package private(set) var isComplete = false

    /// A window of more is refused: RFC 9659 allows no sender of a zstd body more than 8 MiB.
    private static let mostWindowBits: Int32 = 23

    /// Takes the memory that the coding works with: some 50 KiB, for zstd up to 8 MiB more when they are needed.
    package init(_ coding: Coding) throws(CodingError) {
        self.coding = coding
        switch coding {
        case .gzip:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard czlib_inflate_gzip_init(stream) == Z_OK else {
                stream.deallocate()
                throw .outOfMemory
            }
            state = .gzip(stream)
        case .zstd:
            guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
            ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.mostWindowBits)
            state = .zstd(context)
        case .lz4Frame:
            var context: OpaquePointer?
            guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0, let context else {
                throw .outOfMemory
            }
            state = .lz4(context)
        }
    }

    deinit {
        switch state {
        case .gzip(let stream):
            inflateEnd(stream)
            stream.deallocate()
        case .zstd(let context): ZSTD_freeDCtx(context)
        case .lz4(let context): LZ4F_freeDecompressionContext(context)
        }
    }

    /// Reads from the front of `input` and stores at the front of `output`, until either is used up.
    ///
    /// Gives how many bytes of each. Call it again while it fills the output, for there may be more.
    package mutating func unpack(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) -> (read: Int, written: Int) {
        switch state {
        case .gzip(let stream): try inflate(stream, input, output)
        case .zstd(let context): try unpack(context, input, output)
        case .lz4(let context): try unpackLZ4(context, input, output)
        }
    }

    private mutating func inflate(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) -> (read: Int, written: Int) {
        if isComplete, !input.isEmpty {
            // Another member stands behind the one that ended.
            inflateReset(stream)
            isComplete = false
        }
        let room = (min(input.count, Int(UInt32.max)), min(output.count, Int(UInt32.max)))
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(room.0)
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(room.1)
        let result = CZlib.inflate(stream, Z_NO_FLUSH)
        switch result {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isComplete = true
        case Z_MEM_ERROR: throw .outOfMemory
        default: throw .malformed(stream.pointee.msg.map { String(cString: $0) } ?? "error \(result)")
        }
        return (room.0 - Int(stream.pointee.avail_in), room.1 - Int(stream.pointee.avail_out))
    }

    private mutating func unpack(
        _ context: OpaquePointer,
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) -> (read: Int, written: Int) {
        // At the end of a frame the library would begin another one and ask for its first bytes.
        if isComplete, input.isEmpty { return (0, 0) }
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = ZSTD_decompressStream(context, &target, &source)
        if ZSTD_isError(result) != 0 { throw .malformed(String(cString: ZSTD_getErrorName(result))) }
        isComplete = result == 0
        return (source.pos, target.pos)
    }

    private mutating func unpackLZ4(
        _ context: OpaquePointer,
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) -> (read: Int, written: Int) {
        if isComplete, input.isEmpty { return (0, 0) }
        var (read, written) = (input.count, output.count)
        let result = LZ4F_decompress(context, output.baseAddress, &written, input.baseAddress, &read, nil)
        if LZ4F_isError(result) != 0 { throw .malformed(String(cString: LZ4F_getErrorName(result))) }
        isComplete = result == 0
        return (read, written)
    }
}

extension Unpacker {
    /// Unpacks bytes that have to be exactly so many unpacked.
    package static func unpack(
        _ input: UnsafeRawBufferPointer,
        _ coding: Coding,
        exactly output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) {
        var unpacker = try Unpacker(coding)
        var (next, done) = (0, 0)
        while true {
            let (read, written) = try unpacker.unpack(
                UnsafeRawBufferPointer(rebasing: input[next...]),
                into: UnsafeMutableRawBufferPointer(rebasing: output[done...])
            )
            next += read
            done += written
            if next == input.count, unpacker.isComplete { break }
            if read == 0, written == 0 {
                if done == output.count, next < input.count || !unpacker.isComplete { throw .tooLarge }
                throw .malformed("it ends in the middle")
            }
        }
        if done < output.count { throw .malformed("it has \(done) bytes of \(output.count)") }
    }

    /// Unpacks bytes into memory from `malloc`, which grows as they come and belongs to the caller.
    ///
    /// More than `limit` bytes are ``CodingError/tooLarge``. `mayTake` is asked before each growth; what it does not allow
    /// is ``CodingError/outOfMemory``.
    package static func unpack(
        _ input: UnsafeRawBufferPointer,
        _ coding: Coding,
        limit: Int,
        mayTake: (Int) -> Bool
    ) throws(CodingError) -> UnsafeMutableRawBufferPointer {
        var unpacker = try Unpacker(coding)
        var memory = Growing()
        var next = 0
        while next < input.count || !unpacker.isComplete || memory.isFull {
            if memory.isFull { try memory.grow(limit: limit, mayTake) }
            let (read, written) = try unpacker.unpack(
                UnsafeRawBufferPointer(rebasing: input[next...]),
                into: memory.room
            )
            next += read
            memory.count += written
            if memory.count > limit { throw .tooLarge }
            if read == 0, written == 0 {
                if next == input.count, unpacker.isComplete { break }
                throw .malformed("it ends in the middle")
            }
        }
        return memory.take()
    }
}

/// Memory that doubles.
private struct Growing: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    var count = 0

    deinit { free(base) }

    var isFull: Bool { count == capacity }
    var room: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base.map { $0 + count }, count: capacity - count)
    }

    /// One byte beyond the limit has room, so that what is too large shows.
    mutating func grow(limit: Int, _ mayTake: (Int) -> Bool) throws(CodingError) {
        let wanted = min(max(capacity * 2, 64 << 10), limit + 1)
        guard wanted > capacity else { throw .tooLarge }
        guard mayTake(wanted - capacity) else { throw .outOfMemory }
        guard let larger = realloc(base, wanted) else { throw .outOfMemory }
        base = larger
        capacity = wanted
    }

    consuming func take() -> UnsafeMutableRawBufferPointer {
        let bytes = UnsafeMutableRawBufferPointer(start: base, count: count)
        discard self
        return bytes
    }
}
