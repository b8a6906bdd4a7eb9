import Glibc
import Layouts
import Segments

/// What this program itself has to say against a call.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension Segment {
    /// Writes the whole, staged, with bytes that nobody else writes.
    func overwrite() throws {
        let count = totalBytes - dataOffset
        try write([UInt8](repeating: 0xEE, count: count), "0:\(count)", true, staged: true)
    }

    /// Writes the input as one journaled write; `staged` takes it into a staged file first, in pieces.
    func write(_ regions: String, _ isWhole: Bool, staged: Bool) throws {
        try write(input(), regions, isWhole, staged: staged)
    }

    private func write(_ bytes: [UInt8], _ regions: String, _ isWhole: Bool, staged: Bool) throws {
        try bytes.withUnsafeBytes { bytes in
            let write = try PreparedWrite(
                to: self,
                regions: self.regions(regions),
                bytes: staged ? self.staged(bytes) : ByteSource(bytes, release: nil),
                coversWhole: isWhole
            )
            _ = try withWriteLock(until: .after(milliseconds: 10_000)) { lock throws(SegmentError) in
                try lock.commit(write)
            }
        }
    }

    /// Writes the input in place, each region in two halves.
    func modify(_ regions: String, _ isWhole: Bool) throws {
        let bytes = input()
        let places = try self.regions(regions).compactMap(\.contiguousRange).flatMap { range in
            let middle = range.lowerBound + range.count / 2
            return [range.lowerBound..<middle, middle..<range.upperBound]
        }
        try withWriteLock(until: .after(milliseconds: 10_000)) { lock throws(SegmentError) in
            try lock.modify(coversWhole: isWhole) { base in
                var next = 0
                for place in places where !place.isEmpty {
                    let piece = bytes[next..<next + place.count]
                    piece.withUnsafeBytes {
                        UnsafeMutableRawBufferPointer(start: base + place.lowerBound, count: place.count).copyMemory(
                            from: $0
                        )
                    }
                    next += place.count
                    Failpoint.pass("data in place")
                }
            }
        }.get()
    }

    /// Prints what a snapshot holds.
    func read() throws {
        let count = totalBytes - dataOffset
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        guard let base = memory.baseAddress else { return }
        let region = Region(byteOffset: dataOffset, itemByteCount: count, axes: [])
        let snapshot = try self.snapshot(region, into: base, until: .after(milliseconds: 10_000))
        let text = Array("\(snapshot.sequence) \(snapshot.isDamaged)\n".utf8)
        _ = text.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        var done = 0
        while done < count {
            let written = Glibc.write(STDOUT_FILENO, base + done, count - done)
            guard written > 0 else { throw Failure("write") }
            done += written
        }
    }

    private func staged(_ bytes: UnsafeRawBufferPointer) throws -> ByteSource {
        let file = try StagedFile(for: self)
        let middle = bytes.count / 2
        try file.append(UnsafeRawBufferPointer(rebasing: bytes[..<middle]))
        try file.append(UnsafeRawBufferPointer(rebasing: bytes[middle...]))
        try file.seal()
        return file.source(0..<file.count)
    }

    fileprivate func regions(_ text: String) throws -> [Region] {
        try text.split(separator: ",").map { word in
            let numbers = word.split(separator: ":").compactMap { Int($0) }
            guard numbers.count == 2 else { throw Failure("expected offset:count, got \(word)") }
            return Region(byteOffset: dataOffset + numbers[0], itemByteCount: numbers[1], axes: [])
        }
    }
}

extension SegmentDirectory {
    /// Writes the input into regions of several segments, the same in each, as one write.
    func writeTogether(_ regions: String, _ names: [SegmentName]) throws {
        let bytes = input()
        let share = bytes.count / names.count
        try bytes.withUnsafeBytes { bytes in
            let segments = try names.map { try load($0) }
            let pieces = try segments.enumerated().map { number, segment in
                let piece = UnsafeRawBufferPointer(rebasing: bytes[number * share..<(number + 1) * share])
                return JointWrite.Piece(
                    to: segment,
                    regions: try segment.regions(regions),
                    bytes: ByteSource(piece, release: nil),
                    coversWhole: false
                )
            }
            let write = try JointWrite(pieces)
            try withWriteLocks(of: segments, until: .after(milliseconds: 10_000)) { locks in try locks.commit(write) }
        }
    }

    /// Publishes an array of the bytes of the input.
    func publish(_ name: String, replacing: Bool) throws {
        let bytes = input()
        let options = CreationOptions(replaces: replacing)
        let layout = try LayoutNode(json: #"{"kind":"ndarray","dtype":"uint8","shape":[\#(bytes.count)]}"#)
        _ = try SharedObject.create(name, layout, in: self, options: options) { try $0.set(bytes) }
    }
}

/// All bytes of the standard input.
private func input() -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = piece.withUnsafeMutableBytes { Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count) }
        guard count > 0 else { return bytes }
        bytes.append(contentsOf: piece[..<count])
    }
}
