/// Packed bytes that stay where they are for as long as this object lives.
///
/// `@unchecked Sendable` because the bytes are not written again once they are a source.
public final class ByteSource: @unchecked Sendable {
    let base: UnsafeRawPointer
    /// How many bytes there are.
    public let count: Int
    /// The staged file that they lie in, and where; nil for private memory.
    let staged: (file: StagedFile, offset: Int)?
    private let release: (() -> Void)?

    /// Bytes in memory that `release` gives back.
    public init(_ bytes: UnsafeRawBufferPointer, release: (() -> Void)?) {
        base = bytes.baseAddress ?? Self.nowhere
        count = bytes.count
        staged = nil
        self.release = release
    }

    /// Bytes of a sealed staged file.
    init(_ file: StagedFile, range: Range<Int>) {
        base = file.sealedBase + range.lowerBound
        count = range.count
        staged = (file, range.lowerBound)
        release = nil
    }

    deinit { release?() }

    /// The same bytes where no other process can take them away: those of a staged file are copied.
    ///
    /// A neighbour who may write to the segment may cut its staged files as well; the copy sees that, as everything does
    /// that reads them.
    func inPrivateMemory() throws(SegmentError) -> ByteSource {
        guard let (file, start) = staged else { return self }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        let source = ByteSource(UnsafeRawBufferPointer(copy)) { copy.deallocate() }
        try file.copy(start - file.bodyOffset, into: copy)
        return source
    }

    private static var nowhere: UnsafeRawPointer { UnsafeRawPointer(UnsafeMutableRawPointer.empty) }
}

extension UnsafeMutableRawPointer {
    /// An address for zero bytes.
    static var empty: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: 64) ?? .allocate(byteCount: 0, alignment: 1)
    }
}

extension Segment {
    /// Copies packed bytes into regions, one after the other; the lock is held and the sequence odd.
    func scatter(_ bytes: ByteSource, to regions: [Region]) throws(SegmentError) {
        try guarded { mapping throws(MappingFault) in
            var next = bytes.base
            for region in regions {
                try mapping.scatter(region, from: next)
                next += region.byteCount
            }
        }
    }
}
