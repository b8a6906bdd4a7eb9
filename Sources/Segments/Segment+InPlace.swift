extension Segment {
    /// Calls `body` with bytes of the segment as they lie in shared memory, without a copy; its error is thrown on.
    ///
    /// Two things are not as with private memory. Other processes may store while the body looks: what it sees may be
    /// torn, and read twice may be two values; ``snapshot(_:until:)`` is untorn. And nothing guards the accesses: **a
    /// neighbour who truncates the file ends this process by SIGBUS**, as with any `mmap`; where neighbours are not
    /// trusted, take a snapshot, which turns that into an error.
    ///
    /// `range` counts from the start of the segment and lies inside `dataOffset..<totalBytes`. May be called from any
    /// thread; the span is valid during the call, which keeps the segment mapped.
    public func withBytes<R: ~Copyable, E: Error>(
        _ range: Range<Int>,
        _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        try withUnguardedBytes(range) { bytes throws(E) in try body(bytes.bytes) }
    }

    /// The same with a pointer.
    package func withUnguardedBytes<R: ~Copyable, E: Error>(
        _ range: Range<Int>,
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        precondition(
            range.lowerBound >= dataOffset && range.upperBound <= totalBytes,
            "a view lies inside the buffers of its segment"
        )
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: mapping.base + range.lowerBound, count: range.count))
    }
}

extension WriteLock {
    /// Changes bytes of the buffers in place, between an odd and an even sequence: no journal, and no copy.
    ///
    /// `body` gets the address that offsets count from. It is not guarded: a truncated file ends the process. A process
    /// that dies in it leaves a half write, and so does a body that throws: what it stored stays, and the segment counts
    /// as damaged. A write that `coversWhole` of the object and ends well clears the damage.
    @inlinable
    package mutating func modify<R, E: Error>(
        coversWhole: Bool,
        _ body: (UnsafeMutableRawPointer) throws(E) -> R
    ) throws(SegmentError) -> Result<R, E> {
        let base = try beginInPlace()
        let result = Result { () throws(E) in try body(base) }
        switch result {
        case .success: try endInPlace(damage: coversWhole ? 0 : nil)
        case .failure: try endInPlace(damage: 1)
        }
        return result
    }

    @usableFromInline
    mutating func beginInPlace() throws(SegmentError) -> UnsafeMutableRawPointer {
        guard !segment.isReadOnly else { throw .forbidden("the segment \(segment.name) is read-only") }
        try Journal.forget(in: segment)
        try beginLocked(sequence &+ 1)
        return segment.mapping.base
    }

    @usableFromInline
    mutating func endInPlace(damage: UInt64?) throws(SegmentError) {
        if let damage {
            try segment.guarded { mapping throws(MappingFault) in try mapping.store(damage, at: ControlWord.damaged) }
            Failpoint.pass("damage of a write in place")
        }
        try endLocked(sequence &+ 1)
    }
}
