internal import Documents
internal import Layouts

/// The bytes are the JSON header of a segment with 64 KiB of buffers.
struct HeaderTarget: FuzzTarget {
    func run(_ bytes: [UInt8]) throws {
        let dataOffset = 4096 + (bytes.count + 4095) / 4096 * 4096
        let range = dataOffset..<dataOffset + 64 << 10
        guard let header = try Self.header(bytes, range) else { return }
        try Self.check(header.arrays, inside: range)
        let written = header.json.withUnsafeBytes { Array($0) }
        guard let again = try Self.header(written, range) else {
            throw Finding("a header that was read is corrupt when it is written: \(header.json.text)")
        }
        try require(again.json.text == header.json.text, "two readings, two headers: \(header.json.text)")
    }

    /// Reads a header; nil if it is corrupt, and any other error is a finding.
    static func header(_ bytes: [UInt8], _ range: Range<Int>) throws -> SegmentHeader? {
        do throws(LayoutError) {
            return try SegmentHeader(reading: bytes, dataOffset: range.lowerBound, totalBytes: range.upperBound)
        } catch {
            guard case .corrupt = error else { throw Finding("a header is not corrupt but \(error)") }
            return nil
        }
    }

    /// Every array lies inside, aligned, and touches no other.
    static func check(_ arrays: [ArrayBuffer], inside range: Range<Int>) throws {
        var end = range.lowerBound
        for array in arrays.sorted(by: { ($0.byteOffset, $0.byteCount) < ($1.byteOffset, $1.byteCount) }) {
            let count = product(array.shape, times: array.dtype.byteCount)
            try require(count == array.byteCount, "\(array.path) has no size")
            try require(array.byteOffset % 64 == 0, "\(array.path) is not aligned")
            try require(range.lowerBound <= array.byteOffset, "\(array.path) begins before the buffers")
            try require(array.byteOffset <= range.upperBound, "\(array.path) begins behind the buffers")
            try require(array.byteCount <= range.upperBound - array.byteOffset, "\(array.path) leaves the buffers")
            guard array.byteCount > 0 else { continue }
            try require(array.byteOffset >= end, "\(array.path) overlaps another array")
            end = array.byteOffset + array.byteCount
        }
    }
}
