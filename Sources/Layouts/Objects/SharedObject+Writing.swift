public import Segments

extension SharedObject {
    /// Writes several arrays as one write, all or nothing.
    ///
    /// `body` says what is to be written, before the lock is taken; where two changes overlap the later one holds. A
    /// process that dies in the middle leaves a journal that the next one replays. Returns the new sequence.
    ///
    /// Throws what `body` throws, and: ``SegmentError/preconditionFailed(_:)`` if the sequence is not the one expected;
    /// ``SegmentError/forbidden(_:)`` for a segment that may only be read; ``SegmentError/replaced(_:)`` and
    /// ``SegmentError/noSuchSegment(_:)`` when the name leads elsewhere by now, so that it has to be loaded again;
    /// ``SegmentError/busy(_:)`` after the deadline; ``SegmentError/outOfSpace(_:)`` where a long journal has no room.
    @discardableResult
    public func write(
        expecting sequence: UInt64? = nil,
        until deadline: Deadline = .never,
        _ body: (inout Changes) throws -> Void
    ) throws -> UInt64 {
        var changes = Changes(to: segment)
        try body(&changes)
        let coversWhole = changes.wholePaths.count == writableArrays.count
        let regions = changes.regions
        return try changes.bytes.withUnsafeBytes { bytes in
            let write = try PreparedWrite(
                to: segment,
                regions: regions,
                bytes: ByteSource(bytes, release: nil),
                coversWhole: coversWhole
            )
            return try segment.commit(write, expecting: sequence, until: deadline)
        }
    }

    /// What one write is to change; lives only inside ``write(expecting:until:_:)``.
    public struct Changes: ~Copyable {
        private let segment: Segment
        fileprivate var regions: [Region] = []
        fileprivate var bytes: [UInt8] = []
        fileprivate var wholePaths: Set<[UInt8]> = []

        fileprivate init(to segment: Segment) { self.segment = segment }

        /// Adds elements of an array of the object: as many as the slice picks, in C order.
        public mutating func set<Element: ArrayElement>(
            _ array: SharedArray<Element>,
            to elements: [Element],
            at slice: Slice = .whole
        ) throws(LayoutError) {
            precondition(array.segment === segment, "an array is written with the object that it belongs to")
            let selection = try array.selection(slice, of: elements.count)
            regions.append(selection.region)
            elements.withUnsafeBytes { bytes.append(contentsOf: $0) }
            if selection.coversWhole { wholePaths.insert(Array(array.path.utf8)) }
        }
    }

    /// Changes elements in place under the write lock, without a journal and without a copy; readers who take snapshots
    /// see none of it or all.
    ///
    /// A process that dies in `body` leaves a half write that nobody can undo, and so does a body that throws: what it
    /// stored stays, and every reader hears that the segment is damaged. `whole` says that the body writes every element
    /// of the object, which clears such damage. The accesses are not guarded: **a neighbour who truncates the file ends
    /// this process by SIGBUS**. The longer the body takes, the longer others wait.
    ///
    /// Throws what `body` throws and, outOfSpace excepted, the errors of ``write(expecting:until:_:)``. Returns what the
    /// body returns; the lock is freed in any case.
    @inlinable
    public func modify<R, E: Error>(
        whole: Bool = false,
        until deadline: Deadline = .never,
        _ body: (inout ArrayWriter) throws(E) -> R
    ) throws -> R {
        try segment.withWriteLock(until: deadline) { lock throws(SegmentError) -> Result<R, E> in
            let sequence = lock.sequence
            return try lock.modify(coversWhole: whole) { base throws(E) in
                var writer = ArrayWriter(segment: segment, base: base, sequence: sequence)
                return try body(&writer)
            }
        }.get()
    }
}

/// The right to change the arrays of an object in place; lives only inside ``SharedObject/modify(whole:until:_:)``.
public struct ArrayWriter: ~Copyable {
    @usableFromInline let segment: Segment
    @usableFromInline let base: UnsafeMutableRawPointer
    /// The even sequence of what is there before the write; the write's own is greater by 2.
    public let sequence: UInt64

    @usableFromInline
    init(segment: Segment, base: UnsafeMutableRawPointer, sequence: UInt64) {
        self.segment = segment
        self.base = base
        self.sequence = sequence
    }

    /// Calls `body` with the elements of an array of the object as they lie in shared memory, in C order; its error is
    /// thrown on.
    ///
    /// The span is valid during the call.
    @inlinable
    public mutating func withMutableSpan<Element: ArrayElement, R: ~Copyable, E: Error>(
        of array: SharedArray<Element>,
        _ body: (inout MutableSpan<Element>) throws(E) -> R
    ) throws(E) -> R {
        precondition(array.segment === segment, "an array is written with the object that it belongs to")
        let start = (base + array.range.lowerBound).bindMemory(to: Element.self, capacity: array.count)
        var span = UnsafeMutableBufferPointer(start: start, count: array.count).mutableSpan
        return try body(&span)
    }
}
