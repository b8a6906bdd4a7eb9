internal import Documents
internal import Layouts
internal import Locks
internal import Segments
internal import Synchronization

/// Labels as text, written once for a read that comes again: labels never change, and to write a time takes as long as a
/// number does.
package final class KnownLabelsText: Sendable {
    private enum Text {
        /// As a JSON array.
        case json([UInt8])
        /// As the cells of a column.
        case column(ColumnText)

        var byteCount: Int {
            switch self {
            case .json(let bytes): bytes.count
            case .column(let column): column.byteCount
            }
        }
    }

    private let text = Locked<Text?>(nil)
    /// Bytes of all such texts of this process.
    private static let keptBytes = Atomic(0)
    private static let mostBytes = 8 << 20
    /// Longer ones are written each time.
    private static let mostBytesOfOne = 32 << 10
    /// More cells are longer than that.
    static let mostCells = mostBytesOfOne / (MemoryLayout<Int>.stride + 4)

    /// No text yet.
    package init() {}

    deinit { _ = Self.keptBytes.wrappingSubtract(text.withLock { $0?.byteCount ?? 0 }, ordering: .relaxed) }

    /// Writes the labels of an index; they are loaded only if they were not written before.
    ///
    /// Labels and options are the same each time.
    func write(_ labels: PickedLabels, options: JSONOptions, to json: inout JSONWriter) throws(SegmentError) {
        if case .json(let known) = text.withLock({ $0 }) { return known.withUnsafeBytes { json.raw($0) } }
        let start = json.buffer.count
        LabelsJSON.write(try labels.load(), shape: labels.shape, options: options, to: &json)
        if json.buffer.count - start > Self.mostBytesOfOne { return }
        keep(.json(json.buffer.withUnsafeBytes { Array($0[start...]) }))
    }

    /// The labels of an index as the cells of a column, which `make` makes of them if they were not made before.
    ///
    /// Labels and cells are the same each time; nobody appends to them.
    func column(
        _ labels: PickedLabels,
        _ make: (PackedLabels) -> ColumnText
    ) throws(SegmentError) -> ColumnText {
        if case .column(let known) = text.withLock({ $0 }) { return known }
        let made = make(try labels.load())
        keep(.column(made))
        return made
    }

    private func keep(_ made: Text) {
        let count = made.byteCount
        guard count <= Self.mostBytesOfOne else { return }
        if Self.keptBytes.wrappingAdd(count, ordering: .relaxed).newValue > Self.mostBytes {
            _ = Self.keptBytes.wrappingSubtract(count, ordering: .relaxed)
            return
        }
        let isFirst = text.withLock { text in
            if text != nil { return false }
            text = made
            return true
        }
        if !isFirst { _ = Self.keptBytes.wrappingSubtract(count, ordering: .relaxed) }
    }
}
