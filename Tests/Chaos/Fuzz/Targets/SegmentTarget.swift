internal import Layouts
internal import Segments

/// The bytes are the first 128 bytes of a control page, then the header, then the buffers, of a file of 64 KiB.
///
/// Header and buffers are put where the page says, if that is in the file. A reader opens it, reads labels and searches
/// them, and copies all arrays out.
struct SegmentTarget: FuzzTarget {
    private static let fileBytes = 64 << 10
    private let directory: SegmentDirectory
    private let file: ScratchFile

    init(folder: String) throws {
        directory = try SegmentDirectory(path: folder)
        file = try ScratchFile("\(folder)/segment")
    }

    func run(_ bytes: [UInt8]) throws {
        try store(bytes)
        do {
            let object = try SharedObject.load("segment", in: directory)
            let segment = object.segment
            try HeaderTarget.check(object.arrays, inside: segment.dataOffset..<segment.totalBytes)
            try require(segment.totalBytes <= Self.fileBytes, "a segment is larger than its file")
            try require(segment.isCurrent(), "a segment that nobody touches is not current")
            _ = try segment.vitals()
            for path in Self.labelPaths(object.arrays) { try search(object, path) }
            _ = try object.snapshot(until: .immediate)
        } catch let error as SegmentError {
            switch error {
            case .corrupt, .unsupportedFormat, .noSuchSegment, .busy: break
            default: throw Finding("a segment is not corrupt but \(error)")
            }
        } catch let error as LayoutError {
            guard case .corrupt = error else { throw Finding("a segment is not corrupt but \(error)") }
        }
    }

    private func store(_ bytes: [UInt8]) throws {
        try file.resize(0)
        try file.resize(Self.fileBytes)
        let (page, rest) = (bytes.prefix(128), bytes.dropFirst(128))
        try file.store(page, at: 0)
        let headerBytes = Int(min(bytes.number(48, as: UInt64.self), UInt64(min(rest.count, 32 << 10))))
        try file.store(rest.prefix(headerBytes), at: 4096)
        let dataOffset = bytes.number(56, as: UInt64.self)
        if dataOffset >= 4096, dataOffset < UInt64(Self.fileBytes) {
            let room = Self.fileBytes - Int(dataOffset)
            try file.store(rest.dropFirst(headerBytes).prefix(room), at: Int(dataOffset))
        }
    }

    /// Where labels may be: beside every array, and where an array is one of theirs.
    private static func labelPaths(_ arrays: [ArrayBuffer]) -> Set<String> {
        var paths: Set = ["index", "columns"]
        for array in arrays.prefix(20) {
            let parts = array.path.split(separator: "/", omittingEmptySubsequences: false)
            paths.insert(array.path)
            let folder = parts.dropLast().joined(separator: "/")
            paths.formUnion([folder, folder + "/index"])
        }
        return paths
    }

    /// Reads labels and finds them again; corrupt ones end the reading as corrupt.
    private func search(_ object: SharedObject, _ path: String) throws {
        let labels: AxisLabels
        do throws(LayoutError) {
            labels = try object.labels(path)
        } catch {
            if case .corrupt = error { throw error }
            return
        }
        guard labels.count <= 10_000 else { return }
        let first: Label
        switch try labels.values() {
        case .integers(let values): first = .integer(values.first ?? 0)
        case .texts(let values): first = .text(values.first ?? "")
        case .unsigned(let values): first = .integer(Int64(truncatingIfNeeded: values.first ?? 0))
        case .numbers(let values): first = .number(values.first ?? 0)
        default: first = .text("2024-01")
        }
        do throws(LayoutError) {
            try search(labels, first)
        } catch {
            if case .corrupt = error { throw error }
        }
    }

    private func search(_ labels: AxisLabels, _ label: Label) throws(LayoutError) {
        do {
            let positions = try labels.positions(of: label) + labels.positions(from: label, through: nil)
            if let wrong = positions.first(where: { !(0..<labels.count).contains($0) }) {
                fatalError("a label stands at \(wrong) of \(labels.count)")
            }
        } catch let error as LayoutError {
            throw error
        } catch {
            throw .corrupt("\(error)")
        }
    }
}
