internal import CSegment

extension Segment {
    /// Loads one value of the buffers, of any alignment, at a byte offset from the start of the segment.
    ///
    /// Cheap enough for a binary search over labels: one guarded copy and no allocation. Nothing orders it against
    /// writers, so it suits what never changes. `T` has to be a type that any bits are a value of.
    @inlinable
    package func load<T: BitwiseCopyable>(_ byteOffset: Int, as type: T.Type) throws(SegmentError) -> T {
        let value = withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { place -> T? in
            loadBytes(byteOffset, into: UnsafeMutableRawBufferPointer(place)) ? place[0] : nil
        }
        guard let value else { throw wasTruncated }
        return value
    }

    /// Copies bytes of the buffers out; false if the file was truncated.
    @usableFromInline
    package func loadBytes(_ byteOffset: Int, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        precondition(
            byteOffset >= dataOffset && byteOffset <= totalBytes - bytes.count,
            "what is loaded lies inside the buffers of its segment"
        )
        return shmgate_load_bytes(mapping.base, Int64(byteOffset), bytes.baseAddress, Int64(bytes.count)) == 0
    }

    /// The error for a page that is gone.
    @usableFromInline
    package var wasTruncated: SegmentError { MappingFault().error(name) }
}
