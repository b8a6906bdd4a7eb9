internal import CZlib
internal import CZstd

/// Makes bytes fewer, piece by piece; as gzip or zstd.
package struct Packer: ~Copyable {
    private enum State {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
    }

    /// What becomes of the bytes that the packer keeps for later.
    package enum Flush {
        /// They stay.
        case none
        /// They are given out, so that a reader has them all.
        case all
        /// They are given out, and the text ends.
        case end
    }

    private let state: State

    /// What a packer needs, about.
    package static func byteCount(_ coding: Coding) -> Int { coding == .gzip ? 300 << 10 : 2 << 20 }
    /// Fast ones: whoever waits for a snapshot waits for the packer too.
    private static let levels: (gzip: Int32, zstd: Int32) = (4, 3)
    /// So far back a packer of zstd looks, which is most of what it needs.
    private static let windowBits: Int32 = 19

    /// Takes the memory for a coding; zstd takes less for a short text, and writes down how long it is.
    package init(_ coding: Coding, ofBytes count: Int) throws(CodingError) {
        switch coding {
        case .gzip:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard czlib_deflate_gzip_init(stream, Self.levels.gzip) == Z_OK else {
                stream.deallocate()
                throw .outOfMemory
            }
            state = .gzip(stream)
        case .zstd:
            guard let context = ZSTD_createCCtx() else { throw .outOfMemory }
            ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.levels.zstd)
            ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, Self.windowBits)
            ZSTD_CCtx_setPledgedSrcSize(context, UInt64(count))
            state = .zstd(context)
        case .lz4Frame: preconditionFailure("LZ4 is only read")
        }
    }

    deinit {
        switch state {
        case .gzip(let stream):
            deflateEnd(stream)
            stream.deallocate()
        case .zstd(let context): ZSTD_freeCCtx(context)
        }
    }

    /// Reads from the front of `input` and stores at the front of `output`, until either is used up.
    ///
    /// Gives how many bytes of each, and whether there is nothing left to give out: after ``Flush/all`` and
    /// ``Flush/end`` call it until then.
    package mutating func pack(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer,
        _ flush: Flush
    ) throws(CodingError) -> (read: Int, written: Int, isDone: Bool) {
        switch state {
        case .gzip(let stream):
            precondition(input.count < UInt32.max && output.count < UInt32.max, "pieces are small")
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(output.count)
            let word = flush == .none ? Z_NO_FLUSH : flush == .all ? Z_SYNC_FLUSH : Z_FINISH
            let result = deflate(stream, word)
            guard [Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(result) else { throw .outOfMemory }
            let room = Int(stream.pointee.avail_out)
            return (
                input.count - Int(stream.pointee.avail_in), output.count - room,
                flush == .end ? result == Z_STREAM_END : room > 0
            )
        case .zstd(let context):
            var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let word = flush == .none ? ZSTD_e_continue : flush == .all ? ZSTD_e_flush : ZSTD_e_end
            let left = ZSTD_compressStream2(context, &target, &source, word)
            guard ZSTD_isError(left) == 0 else { throw .outOfMemory }
            return (source.pos, target.pos, left == 0 && source.pos == source.size)
        }
    }
}
