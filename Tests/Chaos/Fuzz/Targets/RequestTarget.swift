internal import Documents
internal import Layouts
internal import Representations
internal import Segments

/// The first byte says which part of a request the others are.
struct RequestTarget: FuzzTarget {
    private let registry = LayoutRegistry()
    /// What slices are applied to; the last one is larger than any memory.
    private let arrays: [ArrayBuffer]

    init() throws {
        arrays = try ["[]", "[7]", "[0,3]", "[4,5,6]", "[1099511627776,262144]"].map { shape in
            let layout = try LayoutNode(json: #"{"kind":"ndarray","dtype":"<i2","shape":\#(shape)}"#)
            return try SegmentHeader(layout: layout, attrs: "{}").arrays[0]
        }
    }

    func run(_ bytes: [UInt8]) throws {
        let rest = Array(bytes.dropFirst())
        switch (bytes.first ?? 0) % 6 {
        case 0: try slice(String(decoding: rest, as: UTF8.self))
        case 1: try json(rest)
        case 2: try dtype(String(decoding: rest, as: UTF8.self))
        case 3: try npy(rest)
        case 4: try layout(String(decoding: rest, as: UTF8.self))
        default: _ = attempt { () throws(LayoutError) in try RowCondition(String(decoding: rest, as: UTF8.self)) }
        }
    }

    /// The value, or nil for an error; that it has the type it should have is the compiler's work.
    private func attempt<R, E: Error>(_ body: () throws(E) -> R) -> R? { try? body() }

    private func slice(_ text: String) throws {
        guard let slice = attempt({ () throws(LayoutError) in try Slice(text) }) else { return }
        for array in arrays {
            guard let selection = attempt({ () throws(LayoutError) in try Selection(slice, of: array) }) else {
                continue
            }
            let region = selection.region
            try require(region.axes.map(\.count) == selection.shape, "shape and region differ for \(text)")
            if selection.shape.contains(0) { continue }
            var (low, high) = (region.byteOffset, region.byteOffset + region.itemByteCount)
            for axis in region.axes {
                let reach = (axis.count - 1) * axis.byteStride
                low += axis.byteOffsets?.min() ?? min(reach, 0)
                high += axis.byteOffsets?.max() ?? max(reach, 0)
            }
            let end = array.byteOffset + array.byteCount
            try require(low >= array.byteOffset && high <= end, "\(text) leaves an array of \(array.shape)")
        }
    }

    private func json(_ bytes: [UInt8]) throws {
        guard let value = Self.value(bytes) else { return }
        let written = Self.text(value)
        guard let again = Self.value(Array(written.utf8)) else { throw Finding("JSON that is none: \(written)") }
        try require(Self.text(again) == written, "JSON changes from reading to reading: \(written)")
    }

    private func dtype(_ text: String) throws {
        guard let dtype = attempt({ () throws(LayoutError) in try DType(text) }) else { return }
        try require(dtype.byteCount > 0, "\(text) has no bytes")
        try require(dtype.byteCount <= Int(Int32.max), "\(text) is larger than NumPy counts")
        guard case .structured = dtype.element else {
            let again = try DType(dtype.description)
            try require(again == dtype, "\(text) is not \(dtype)")
            return
        }
    }

    private func npy(_ bytes: [UInt8]) throws {
        let read = bytes.withUnsafeBytes { raw in try? NpyHeader(reading: raw) }
        guard let header = read else { return }
        try require(header.byteCount <= bytes.count, "an npy header is longer than its body")
        let written = Npy.header(dtype: header.dtype, shape: header.shape)
        guard written.count <= NpyHeader.maximumByteCount else { return }
        let again = try written.withUnsafeBytes { raw in try NpyHeader(reading: raw) }
        let same = again.shape == header.shape && again.dtype.bufferDType == header.dtype.bufferDType
        try require(same, "an npy header changes from reading to reading: \(header)")
    }

    private func layout(_ text: String) throws {
        // A short text that asks for millions of labels is legal, and would fill the memory of the fuzzer.
        if text.contains("periods") { return }
        guard let node = attempt({ () throws(LayoutError) in try LayoutNode(json: text, registry: registry) }) else {
            return
        }
        guard let value = Self.value(Array(node.json.utf8)) else { throw Finding("a layout is no JSON: \(node.json)") }
        let again = try LayoutNode(value, .header)
        try require(again.json == node.json, "a layout changes from reading to reading: \(node.json)")
    }

    private static func value(_ bytes: [UInt8]) -> JSONValue? {
        bytes.withUnsafeBytes { raw in
            var reader = JSONReader(raw)
            guard let value = try? reader.value(), (try? reader.finish()) != nil else { return nil }
            return value
        }
    }

    private static func text(_ value: JSONValue) -> String {
        var json = JSONWriter()
        json.value(value)
        return json.finish().text
    }
}
