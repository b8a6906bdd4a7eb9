package import Segments

/// Some of the labels of a segment, to be read when they are needed; they never change.
package struct PickedLabels: Sendable {
    private let index: LabelIndex
    private let picks: [AxisPick]
    private let extents: [Int]

    init(_ index: LabelIndex, _ picks: [AxisPick], of extents: [Int]) {
        self.index = index
        self.picks = picks
        self.extents = extents
    }

    /// The name of an index; nil without one.
    package var name: String? { index.contents.name }
    /// The extents of what is picked.
    package var shape: [Int] { picks.compactMap(\.count) }
    /// How many there are.
    package var count: Int { product(shape, times: 1) ?? Int.max }

    /// The dtype of numbers, bools and times; nil for texts.
    package var dtype: DType? {
        switch index.contents.labels {
        case .range: DType(.int64)
        case .elements(let dtype, _, _): dtype
        case .texts: nil
        }
    }

    /// The zone of instants.
    package var zone: String? {
        if case .elements(_, _, let zone) = index.contents.labels { return zone }
        return nil
    }

    /// Reads them.
    package func load() throws(SegmentError) -> PackedLabels {
        switch index.contents.labels {
        case .range(let start, _, let step):
            let values = (picks.first?.positions ?? []).map { Int64(start + $0 * step) }
            return PackedLabels(dtype: DType(.int64), zone: nil, bytes: values.withUnsafeBytes { Array($0) }, texts: [])
        case .elements(let dtype, _, let zone):
            let bytes = try index.gather(picks, of: extents, dtype)
            return PackedLabels(dtype: dtype, zone: zone, bytes: bytes, texts: [])
        case .texts:
            var texts: [[UInt8]] = []
            texts.reserveCapacity(count)
            for position in flatPositions { texts.append(try index.utf8(at: position)) }
            return PackedLabels(dtype: nil, zone: nil, bytes: [], texts: texts)
        }
    }

    /// The positions in C order of several axes.
    private var flatPositions: [Int] {
        var flat = [0]
        for (pick, extent) in zip(picks, extents) {
            let positions = pick.positions
            flat = flat.flatMap { outer in positions.map { outer * extent + $0 } }
        }
        return flat
    }
}

/// Labels in private memory.
package struct PackedLabels: Sendable {
    /// The dtype of numbers, bools and times; nil for texts.
    package let dtype: DType?
    /// The zone of instants.
    package let zone: String?
    /// The elements, packed; empty for texts.
    package let bytes: [UInt8]
    /// The UTF-8 of texts, not known to be valid; empty for others.
    package let texts: [[UInt8]]

    /// How many there are.
    package var count: Int { dtype.map { bytes.count / $0.byteCount } ?? texts.count }
}
