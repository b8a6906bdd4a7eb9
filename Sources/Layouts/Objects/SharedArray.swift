public import Segments

/// A typed handle to one array of a ``SharedObject``; its type was checked when it was made.
///
/// It keeps the segment mapped, is cheap to copy, and may be used from any thread.
public struct SharedArray<Element: ArrayElement>: Sendable {
    @usableFromInline let segment: Segment
    let buffer: ArrayBuffer
    /// Whether the object has no other array that can be written.
    let isWhole: Bool

    init(_ segment: Segment, _ buffer: ArrayBuffer, isWhole: Bool) {
        self.segment = segment
        self.buffer = buffer
        self.isWhole = isWhole
    }

    /// Its name inside the layout.
    public var path: String { buffer.path }
    /// Its extents; elements stand in C order, the last axis fastest.
    public var shape: [Int] { buffer.shape }
    /// How many elements it has.
    public var count: Int { buffer.byteCount / buffer.dtype.byteCount }

    /// Bytes of the segment that it is.
    @usableFromInline var range: Range<Int> { buffer.byteOffset..<(buffer.byteOffset + buffer.byteCount) }

    /// Calls `body` with the elements as they lie in shared memory, in C order and without a copy; its error is thrown
    /// on.
    ///
    /// Others may write while it looks, so it may see half of a write; and **a neighbour who truncates the file ends this
    /// process by SIGBUS**, as with any `mmap`. ``snapshot(of:until:)`` is untorn, and an error where the file is cut.
    /// The span is valid during the call.
    public func withSpan<R: ~Copyable, E: Error>(_ body: (Span<Element>) throws(E) -> R) throws(E) -> R {
        try segment.withUnguardedBytes(range) { bytes throws(E) in try body(bytes.bindMemory(to: Element.self).span) }
    }

    /// A private copy, all of which belongs to one sequence.
    ///
    /// Waits for writers until the deadline, then ``SegmentError/busy(_:)``; a truncated file is
    /// ``SegmentError/corrupt(_:)``. A slice that does not fit is a ``LayoutError``.
    public func snapshot(of slice: Slice = .whole, until deadline: Deadline = .never) throws -> ArraySnapshot<Element> {
        let selection = try Selection(slice, of: buffer)
        var result: Result<Snapshot, SegmentError>?
        let count = selection.count
        let elements = [Element](unsafeUninitializedCapacity: count) { memory, initializedCount in
            result = Result { () throws(SegmentError) in
                guard let base = memory.baseAddress, count > 0 else { return try segment.snapshot([], until: deadline) }
                return try segment.snapshot(selection.region, into: UnsafeMutableRawPointer(base), until: deadline)
            }
            if case .success = result { initializedCount = count }
        }
        guard let snapshot = try result?.get() else { preconditionFailure("an array calls what fills it") }
        return ArraySnapshot(
            elements: elements,
            shape: selection.shape,
            sequence: snapshot.sequence,
            isDamaged: snapshot.isDamaged
        )
    }

    /// Writes elements, all or nothing: a process that dies in here leaves a journal that the next one replays.
    ///
    /// There are as many elements as the slice picks, in C order, else ``LayoutError/invalidLayout(_:)``. With
    /// `expecting` it writes only if that still is the sequence, else ``SegmentError/preconditionFailed(_:)``. Other
    /// errors are those of ``SharedObject/write(expecting:until:_:)``. Returns the new sequence.
    @discardableResult
    public func write(
        _ elements: [Element],
        to slice: Slice = .whole,
        expecting sequence: UInt64? = nil,
        until deadline: Deadline = .never
    ) throws -> UInt64 {
        let selection = try selection(slice, of: elements.count)
        return try elements.withUnsafeBytes { bytes in
            let write = try PreparedWrite(
                to: segment,
                regions: [selection.region],
                bytes: ByteSource(bytes, release: nil),
                coversWhole: isWhole && selection.coversWhole
            )
            return try segment.commit(write, expecting: sequence, until: deadline)
        }
    }

    /// What a slice picks, if it is so many elements.
    func selection(_ slice: Slice, of count: Int) throws(LayoutError) -> Selection {
        let selection = try Selection(slice, of: buffer)
        guard selection.count == count else {
            throw .invalidLayout("expected \(selection.count) elements for \(quoted(path)), got \(count)")
        }
        return selection
    }
}

/// A private copy of an array, untorn.
public struct ArraySnapshot<Element: ArrayElement>: Sendable {
    /// The elements in C order.
    public let elements: [Element]
    /// The extents.
    public let shape: [Int]
    /// The even sequence that all elements belong to.
    public let sequence: UInt64
    /// Whether the segment holds a half write of a process that died.
    public let isDamaged: Bool

    /// The element at a position along each axis; one outside its axis ends the process.
    public subscript(_ positions: Int...) -> Element {
        precondition(positions.count == shape.count, "an element has a position along each axis")
        var place = 0
        for (position, extent) in zip(positions, shape) {
            precondition((0..<extent).contains(position), "a position lies inside its axis")
            place = place * extent + position
        }
        return elements[place]
    }
}

extension Segment {
    /// Takes the lock and carries a write out, if the sequence is the expected one.
    func commit(
        _ write: PreparedWrite,
        expecting sequence: UInt64?,
        until deadline: Deadline
    ) throws(SegmentError) -> UInt64 {
        try withWriteLock(until: deadline) { lock throws(SegmentError) in
            if let sequence, lock.sequence != sequence {
                throw .preconditionFailed("expected the sequence \(sequence), the segment \(name) has \(lock.sequence)")
            }
            return try lock.commit(write)
        }
    }
}
