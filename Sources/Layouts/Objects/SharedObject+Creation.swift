internal import Documents
public import Segments

/// How a new segment is made; ``init(mode:attributes:isReadOnly:lifetimeSeconds:replaces:)`` has the defaults.
public struct CreationOptions: Sendable {
    /// The permission bits of the file, at most 0o777.
    public var mode: UInt32
    /// The user's attributes, a JSON object; they never change.
    public var attributes: String
    /// Whether writers are to refuse it.
    public var isReadOnly: Bool
    /// After so many seconds, at most 3e9, the gateway may unlink it; nil: never.
    public var lifetimeSeconds: Double?
    /// Whether the name is taken from the segment that has it, which then lives without a name.
    public var replaces: Bool

    /// A segment of the user alone, without attributes, writable, for ever, under a name that is free.
    public init(
        mode: UInt32 = 0o600,
        attributes: String = "{}",
        isReadOnly: Bool = false,
        lifetimeSeconds: Double? = nil,
        replaces: Bool = false
    ) {
        self.mode = mode
        self.attributes = attributes
        self.isReadOnly = isReadOnly
        self.lifetimeSeconds = lifetimeSeconds
        self.replaces = replaces
    }
}

extension SharedObject {
    /// Makes a segment of a layout; it appears under its name at once and whole, with the contents that `body` gave it.
    ///
    /// What `body` does not set is zero; labels are those of the layout. All memory is reserved first. Throws what `body`
    /// throws, and then nothing is left behind; ``LayoutError`` for a layout that no header can hold or attributes that
    /// are no JSON object; ``SegmentError/invalidName(_:)``; ``SegmentError/alreadyExists(_:)``;
    /// ``SegmentError/outOfSpace(_:)``; and, where a segment is replaced, ``SegmentError/busy(_:)`` after the deadline.
    /// ``SegmentError/replaced(_:)`` and ``SegmentError/noSuchSegment(_:)`` say that the segment was published but that
    /// somebody has taken its name away since.
    public static func create(
        _ name: String,
        _ layout: LayoutNode,
        in directory: SegmentDirectory,
        options: CreationOptions = CreationOptions(),
        until deadline: Deadline = .never,
        _ body: (borrowing Draft) throws -> Void = { _ in }
    ) throws -> SharedObject {
        precondition(options.mode <= 0o777, "a segment's mode has permission bits alone")
        precondition(
            options.lifetimeSeconds.map { $0 > 0 && $0 <= 3e9 } ?? true,
            "a segment lives for more than 0 and at most 3e9 seconds, or for ever"
        )
        let name = try SegmentName(name)
        let header = try SegmentHeader(checking: layout, attributes: options.attributes)
        let identity = try publish(header, name, directory, options, deadline, body)
        let segment = try directory.load(name)
        // Somebody may have taken the name since.
        guard segment.uuid == identity else { throw SegmentError.replaced(name.description) }
        return try SharedObject(segment)
    }

    /// The same of a layout that stands alone.
    public static func create(
        _ name: String,
        _ layout: some Layout,
        in directory: SegmentDirectory,
        options: CreationOptions = CreationOptions(),
        until deadline: Deadline = .never,
        _ body: (borrowing Draft) throws -> Void = { _ in }
    ) throws -> SharedObject {
        try create(name, LayoutNode(layout), in: directory, options: options, until: deadline, body)
    }

    private static func publish(
        _ header: SegmentHeader,
        _ name: SegmentName,
        _ directory: SegmentDirectory,
        _ options: CreationOptions,
        _ deadline: Deadline,
        _ body: (borrowing Draft) throws -> Void
    ) throws -> UUID {
        let json = header.json
        let draft = try json.withUnsafeBytes { bytes throws(SegmentError) in
            try SegmentDraft(
                in: directory,
                header: bytes,
                dataBytes: header.dataBytes,
                mode: options.mode,
                isReadOnly: options.isReadOnly,
                lifetimeSeconds: options.lifetimeSeconds
            )
        }
        for (array, wanted) in zip(header.arrays, header.layout.arrays) {
            try wanted.contents?.withUnsafeBytes { bytes in try draft.fill(array, from: bytes) }
        }
        try body(Draft(header, draft))
        try draft.publish(as: name, replacing: options.replaces, until: deadline)
        return draft.uuid
    }

    /// A new segment before it has its name; lives only inside ``create(_:_:in:options:until:_:)``.
    public struct Draft: ~Copyable {
        private let header: SegmentHeader
        private let draft: SegmentDraft

        fileprivate init(_ header: SegmentHeader, _ draft: SegmentDraft) {
            self.header = header
            self.draft = draft
        }

        /// Sets all elements of an array, in C order.
        ///
        /// Another number of elements is ``LayoutError/invalidLayout(_:)``; a path or a type that the layout does not
        /// have is an error as in ``SharedObject/array(_:of:)``.
        public borrowing func set<Element: ArrayElement>(_ elements: [Element], at path: String = "values") throws {
            let array = try array(path, Element.self)
            guard elements.count == array.byteCount / array.dtype.byteCount else {
                throw LayoutError.invalidLayout(
                    "expected \(array.byteCount / array.dtype.byteCount) elements for \(quoted(path)), "
                        + "got \(elements.count)"
                )
            }
            try elements.withUnsafeBytes { bytes in try draft.fill(array, from: bytes) }
        }

        /// Sets every element of an array to one value; errors as those of ``set(_:at:)``.
        public borrowing func fill<Element: ArrayElement>(with element: Element, at path: String = "values") throws {
            let array = try array(path, Element.self)
            try withUnsafeBytes(of: element) { bytes in
                try draft.fill(array.byteOffset..<(array.byteOffset + array.byteCount), repeating: bytes)
            }
        }

        private borrowing func array(
            _ path: String,
            _ type: (some ArrayElement).Type
        ) throws(LayoutError) -> ArrayBuffer {
            let arrays = header.arrays
            guard
                let number = header.layout.writableArrays.first(where: {
                    arrays[$0].path.utf8.elementsEqual(path.utf8)
                })
            else {
                throw .noSuchMember("the layout has no array of values \(quoted(path))")
            }
            try type.check(arrays[number].dtype, path)
            return arrays[number]
        }
    }
}

extension SegmentDraft {
    /// Copies all bytes of an array in.
    fileprivate func fill(_ array: ArrayBuffer, from bytes: UnsafeRawBufferPointer) throws(SegmentError) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        try fill(Region(byteOffset: array.byteOffset, itemByteCount: bytes.count, axes: []), from: base)
    }
}

extension SegmentHeader {
    /// Lays a segment out, and reads the header back, so that a layout which nobody could load is noticed here.
    fileprivate init(checking layout: LayoutNode, attributes: String) throws(LayoutError) {
        guard case .object? = try? JSONValue(text: attributes, maximumDepth: Self.maximumAttributeDepth) else {
            throw .invalidLayout("expected attributes as a JSON object, got \(quoted(attributes))")
        }
        try self.init(layout: layout, attrs: attributes)
        let bytes = json.withUnsafeBytes { Array($0) }
        let start = arrays.first?.byteOffset ?? Int.max / 2
        do throws(LayoutError) {
            _ = try SegmentHeader(reading: bytes, dataOffset: start, totalBytes: Int.max / 2)
        } catch {
            throw .invalidLayout("expected a layout that a header can hold: \(error)")
        }
    }
}

extension JSONValue {
    /// Reads a text that is one JSON value.
    init(text: String, maximumDepth: Int = SegmentHeader.maximumDepth) throws(JSONError) {
        var text = text
        self = try text.withUTF8 { utf8 in
            Result { () throws(JSONError) in
                var reader = JSONReader(UnsafeRawBufferPointer(utf8), maximumDepth: maximumDepth)
                let value = try reader.value()
                try reader.finish()
                return value
            }
        }.get()
    }
}
