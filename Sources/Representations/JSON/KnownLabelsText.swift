internal import Documents
internal import Layouts
internal import Locks
internal import Segments
internal import Synchronization

/// Labels as JSON, written once for a read that comes again: labels never change, and to write a time takes as long as a
/// number does.
package final class KnownLabelsText: Sendable {
    private let text = Locked<[UInt8]?>(nil)
    /// Bytes of all such texts of this process.
    private static let keptBytes = Atomic(0)
    private static let mostBytes = 8 << 20
    /// Longer ones are written each time.
    private static let mostBytesOfOne = 32 << 10

    /// No text yet.
    package init() {}

    deinit { _ = Self.keptBytes.wrappingSubtract(text.withLock { $0?.count ?? 0 }, ordering: .relaxed) }

    /// Writes the labels of an index; they are loaded only if they were not written before.
    ///
    /// Labels and options are the same each time.
    func write(_ labels: PickedLabels, options: JSONOptions, to json: inout JSONWriter) throws(SegmentError) {
        if let known = text.withLock({ $0 }) { return known.withUnsafeBytes { json.raw($0) } }
        let start = json.buffer.count
        LabelsJSON.write(try labels.load(), shape: labels.shape, options: options, to: &json)
        let count = json.buffer.count - start
        guard count <= Self.mostBytesOfOne else { return }
        if Self.keptBytes.wrappingAdd(count, ordering: .relaxed).newValue > Self.mostBytes {
            _ = Self.keptBytes.wrappingSubtract(count, ordering: .relaxed)
            return
        }
        let written = json.buffer.withUnsafeBytes { Array($0[start...]) }
        let isFirst = text.withLock { text in
            if text != nil { return false }
            text = written
            return true
        }
        if !isFirst { _ = Self.keptBytes.wrappingSubtract(count, ordering: .relaxed) }
    }
}
