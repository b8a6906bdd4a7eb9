// What a Swift program pays for the things that it does without a gateway, beside the same in NumPy, orjson and C.
import Documents
import Glibc
import Layouts
import Representations
import Segments

private let usage = """
    usage: LocalBenchmark DIRECTORY

    Of the segment "grid" in DIRECTORY, 1000 × 1000 float64, prints a line for each measurement: its name, and
    nanoseconds of CPU time for each operation, the median of batches.

    """

/// The median of batches of `count` operations, in nanoseconds of CPU time for each.
private func measure(_ name: String, _ count: Int, batches: Int = 15, _ operation: () throws -> Void) rethrows {
    var times: [Double] = []
    for _ in 0..<batches {
        let began = Clock.ofThisThreadNs()
        for _ in 0..<count { try operation() }
        times.append(Double(Clock.ofThisThreadNs() - began) / Double(count))
    }
    print(name, times.sorted()[batches / 2])
}

/// Copies the crossings of two axes, from a column of the first row on.
private func measureGather(_ name: String, _ grid: SharedObject, _ axes: [Region.Axis], column: Int) throws {
    let region = Region(byteOffset: grid.arrays[0].byteOffset + column * 8, itemByteCount: 8, axes: axes)
    let packed = UnsafeMutableRawPointer.allocate(byteCount: region.byteCount, alignment: 64)
    defer { packed.deallocate() }
    try measure(name, 50) { try grid.segment.gather(region, into: packed) }
}

do {
    guard CommandLine.arguments.count == 2 else {
        print(usage, terminator: "")
        exit(64)
    }
    let directory = try SegmentDirectory(path: CommandLine.arguments[1])
    try measure("attach", 500) { _ = try SharedObject.load("grid", in: directory).array(of: Double.self) }

    let grid = try SharedObject.load("grid", in: directory)
    let values = try grid.array(of: Double.self)
    try measure("write", 2000) { try grid.modify { writer in writer.withMutableSpan(of: values) { $0[0] = 1.5 } } }

    let row = 8000
    try measureGather(
        "strided",
        grid,
        [.init(count: 250, byteStride: 4 * row), .init(count: 250, byteStride: 32)],
        column: 0
    )
    try measureGather(
        "columns",
        grid,
        [.init(count: 1000, byteStride: row), .init(count: 100, byteStride: 8)],
        column: 100
    )

    let all = Region(
        byteOffset: grid.arrays[0].byteOffset,
        itemByteCount: 8,
        axes: [.init(count: 1_000_000, byteStride: 8)]
    )
    let packed = UnsafeMutableRawPointer.allocate(byteCount: all.byteCount, alignment: 64)
    try grid.segment.gather(all, into: packed)
    try measure("snapshot", 10) { _ = try grid.segment.snapshot(all, into: packed, until: .never) }
    measure("numbers", 1, batches: 9) {
        var text = ByteBuffer(capacity: 24_000_000)
        ArrayJSON.write(packed, dtype: Double.dtype, shape: [1000, 1000], options: JSONOptions(), to: &text)
    }
} catch {
    print(error)
    exit(1)
}
