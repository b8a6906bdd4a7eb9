internal import Locks
public import Segments

/// A segment together with what its bytes mean: an array, a series, a frame or whatever its layout says.
///
/// ```swift
/// let shm = try SegmentDirectory(path: "/dev/shm")
/// let prices = try SharedObject.create(
///     "prices", SeriesLayout(dtype: Float.dtype, index: LabelContents(["a", "b", "c"])), in: shm
/// ) { try $0.set([1, 2, 3] as [Float]) }
///
/// let values = try prices.array(of: Float.self)                     // a typed handle, checked once
/// values.withSpan { span in span[1] }                               // in place, no copy, no guard
/// try values.snapshot().elements                                    // private, untorn, guarded
/// try values.write([4, 5, 6])                                       // all or nothing
/// try prices.modify { $0.withMutableSpan(of: values) { $0[1] = 2.5 } }   // in place, under the lock
/// try prices.labels().position(of: "b")
/// ```
///
/// Loading copies the header and checks all of it; nothing of it is trusted. The object keeps its segment mapped: after
/// an unlink or a replacement of the name it still reads, and writes throw. All methods may be called from any thread.
public final class SharedObject: Sendable {
    /// The memory.
    public let segment: Segment
    /// What the bytes mean.
    public let layout: LayoutNode
    /// Every array of the segment in the order of the layout, labels among them.
    public let arrays: [ArrayBuffer]
    /// The user's attributes as JSON text, always an object; fixed at creation.
    public let attributes: String

    /// The numbers of the arrays that are no labels.
    let writableArrays: [Int]
    /// Searchable labels by the bytes of their paths, each made at its first use.
    private let indices = Locked<[[UInt8]: LabelIndex]>([:])

    /// Reads the header of a segment that is open; a header that contradicts itself or the file is
    /// ``LayoutError/corrupt(_:)``, a truncated file ``SegmentError/corrupt(_:)``.
    public init(_ segment: Segment) throws {
        let header = try SegmentHeader(of: segment)
        self.segment = segment
        layout = header.layout
        arrays = header.arrays
        writableArrays = header.layout.writableArrays
        attributes = header.attrs
    }

    /// Opens a segment by its name, for writing too where its mode allows that.
    ///
    /// Throws ``SegmentError/noSuchSegment(_:)`` and the other errors of ``SegmentDirectory/load(_:)``, and those of
    /// ``init(_:)``.
    public static func load(_ name: String, in directory: SegmentDirectory) throws -> SharedObject {
        try SharedObject(directory.load(SegmentName(name)))
    }

    /// The name that it was opened by.
    public var name: String { segment.name.description }

    /// A typed handle to one of the arrays.
    ///
    /// `path` is that of the header's list of buffers: `values`, `columns/price`, `members/bids/columns/size`, where `/`
    /// and `%` in a name are `%2F` and `%25`. Elements of another type are ``LayoutError/invalidDType(_:)``, a path
    /// that leads to no array or to labels ``LayoutError/noSuchMember(_:)``.
    public func array<Element: ArrayElement>(
        _ path: String = "values",
        of type: Element.Type = Element.self
    ) throws(LayoutError) -> SharedArray<Element> {
        let buffer = arrays[try number(of: path)]
        try Element.check(buffer.dtype, path)
        return SharedArray(segment, buffer, isWhole: writableArrays.count == 1)
    }

    /// A handle to the bytes of one of the arrays, of any dtype: its shape with one more axis, the bytes of an element.
    ///
    /// For text, big-endian and structured elements. Else as ``array(_:of:)``.
    public func bytes(_ path: String = "values") throws(LayoutError) -> SharedArray<UInt8> {
        let array = arrays[try number(of: path)]
        guard array.shape.count < maximumRank else {
            throw .invalidDType("expected an array of fewer than \(maximumRank) axes, \(quoted(path)) has as many")
        }
        let buffer = ArrayBuffer(
            path: array.path,
            dtype: UInt8.dtype,
            shape: array.shape + [array.dtype.byteCount],
            byteOffset: array.byteOffset
        )
        return SharedArray(segment, buffer, isWhole: writableArrays.count == 1)
    }

    /// The labels of an axis, or a coordinate: `index`, `coords/time`, `members/bids/index`.
    ///
    /// ``LayoutError/noSuchMember(_:)`` where the path leads to none.
    public func labels(_ path: String = "index") throws(LayoutError) -> AxisLabels {
        let placed = try layout.member(memberPath(path)[...])
        guard case .labels(let contents, let shape) = placed.member else {
            throw .noSuchMember("expected a path to labels, such as index or coords/time, got \(quoted(path))")
        }
        let index = indices.withLock { indices in
            let key = Array(path.utf8)
            if let known = indices[key] { return known }
            let buffers = Array(arrays[placed.firstArray..<(placed.firstArray + contents.labels.arrayCount)])
            let index = LabelIndex(contents, buffers: buffers, of: segment)
            indices[key] = index
            return index
        }
        return AxisLabels(index, shape: shape)
    }

    /// The layout as the type that it was created from; see ``LayoutNode/layout(as:)``.
    public func layout<Kind: Layout>(as type: Kind.Type = Kind.self) throws(LayoutError) -> Kind {
        try layout.layout(as: type)
    }

    /// The number of an array that is no labels.
    func number(of path: String) throws(LayoutError) -> Int {
        guard let number = arrays.firstIndex(where: { $0.path.utf8.elementsEqual(path.utf8) }) else {
            throw .noSuchMember("the segment has no array \(quoted(path))")
        }
        guard writableArrays.contains(number) else {
            throw .noSuchMember("expected an array of values, \(quoted(path)) are labels, which never change")
        }
        return number
    }
}

/// The names in a path, their escapes undone.
private func memberPath(_ path: String) -> [String] {
    path.split(separator: "/", omittingEmptySubsequences: false).map {
        String($0).replacing("%2F", with: "/").replacing("%25", with: "%")
    }
}
