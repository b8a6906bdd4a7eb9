public import Segments

extension SharedObject {
    /// A private copy of every array that is no labels, all of one sequence: the columns of a frame agree.
    ///
    /// Waits for writers until the deadline, then ``SegmentError/busy(_:)``; a truncated file is
    /// ``SegmentError/corrupt(_:)``.
    public func snapshot(until deadline: Deadline = .never) throws(SegmentError) -> ObjectSnapshot {
        let copied = writableArrays.map { arrays[$0] }
        let memory = PrivateMemory(copied)
        let parts = zip(copied, memory.offsets).map { array, offset in
            let region = Region(byteOffset: array.byteOffset, itemByteCount: array.byteCount, axes: [])
            return SnapshotPart(region, into: memory.base + offset)
        }
        return ObjectSnapshot(memory, try segment.snapshot(parts, until: deadline))
    }
}

/// A private copy of all arrays of an object, untorn.
public struct ObjectSnapshot: Sendable {
    private let memory: PrivateMemory
    /// The even sequence that all elements belong to.
    public let sequence: UInt64
    /// Whether the segment holds a half write of a process that died.
    public let isDamaged: Bool

    fileprivate init(_ memory: PrivateMemory, _ snapshot: Snapshot) {
        self.memory = memory
        sequence = snapshot.sequence
        isDamaged = snapshot.isDamaged
    }

    /// The elements of an array in C order, copied once more; errors as those of ``SharedObject/array(_:of:)``.
    public func elements<Element: ArrayElement>(
        _ path: String = "values",
        of type: Element.Type = Element.self
    ) throws(LayoutError) -> [Element] {
        let number = try number(of: path, type)
        return memory.withElements(number, of: type) { Array($0) }
    }

    /// Calls `body` with the elements of an array in C order, without another copy; its error is thrown on.
    ///
    /// Other errors as those of ``SharedObject/array(_:of:)``. The span is valid during the call.
    public func withSpan<Element: ArrayElement, R: ~Copyable, E: Error>(
        _ path: String = "values",
        of type: Element.Type = Element.self,
        _ body: (Span<Element>) throws(E) -> R
    ) throws -> R {
        let number = try number(of: path, type)
        return try memory.withElements(number, of: type) { elements throws(E) in try body(elements.span) }
    }

    private func number(of path: String, _ type: (some ArrayElement).Type) throws(LayoutError) -> Int {
        guard let number = memory.arrays.firstIndex(where: { $0.path.utf8.elementsEqual(path.utf8) }) else {
            throw .noSuchMember("the segment has no array \(quoted(path))")
        }
        try type.check(memory.arrays[number].dtype, path)
        return number
    }
}

/// A block of private memory with room for some arrays.
///
/// `@unchecked Sendable` because it is filled before anybody else has it.
private final class PrivateMemory: @unchecked Sendable {
    let arrays: [ArrayBuffer]
    let offsets: [Int]
    let base: UnsafeMutableRawPointer

    init(_ arrays: [ArrayBuffer]) {
        self.arrays = arrays
        var offsets: [Int] = []
        var end = 0
        for array in arrays {
            offsets.append(end)
            end =
                (end + array.byteCount + SegmentHeader.alignment - 1) / SegmentHeader.alignment
                * SegmentHeader.alignment
        }
        self.offsets = offsets
        base = .allocate(byteCount: max(end, 1), alignment: SegmentHeader.alignment)
    }

    deinit { base.deallocate() }

    func withElements<Element: ArrayElement, R: ~Copyable, E: Error>(
        _ number: Int,
        of type: Element.Type,
        _ body: (UnsafeBufferPointer<Element>) throws(E) -> R
    ) throws(E) -> R {
        let bytes = UnsafeRawBufferPointer(start: base + offsets[number], count: arrays[number].byteCount)
        defer { withExtendedLifetime(self) {} }
        return try body(bytes.bindMemory(to: type))
    }
}
