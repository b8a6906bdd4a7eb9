internal import Documents
internal import Glibc
internal import Layouts
internal import Representations
internal import Segments

/// What a JSON body of a PATCH says: one value for the selection of the query, or a list of patches that are one write.
struct PatchList {
    private let patches: [Patch]
    private let isList: Bool
    private let open: OpenSegment

    private struct Patch {
        var target: DataTarget
        /// Where its value begins.
        var value: JSONReader
    }

    /// Reads which places a body is about; the values are read when the write is prepared.
    init(_ body: UnsafeRawBufferPointer, _ target: DataTarget, _ context: RequestContext) throws {
        open = target.open
        let reader = JSONReader(body)
        isList = try Self.isList(reader, target)
        patches = isList ? try Self.list(reader, target, context) : [Patch(target: target, value: reader)]
    }

    /// Whether places depend on what stands in the segment.
    var hasConditions: Bool { patches.contains { !$0.target.conditions.isEmpty } }

    /// Bytes of all places together, conditions left out.
    var byteCount: Int {
        patches.reduce(0) { sum, patch in
            var parts = ExcerptParts()
            _ = patch.target.excerpt(&parts)
            return sum + parts.byteCount
        }
    }

    /// Reads all values and prepares the write; with the lock held, rows are chosen by their conditions.
    func prepared(isLocked: Bool) throws -> PreparedWrite {
        precondition(isLocked || !hasConditions, "conditions are judged under the lock")
        var regions: [Region] = []
        var covered: [Int: Selection] = [:]
        let memory = PatchMemory()
        for patch in patches {
            var parts = ExcerptParts()
            let rows = isLocked ? try Self.rows(patch.target) : nil
            let excerpt = patch.target.excerpt(&parts, picks: rows.map { patch.target.picks.map($0) })
            let places = try memory.reserve(parts.parts.map(\.selection.region.byteCount))
            var reader = patch.value
            try ExcerptReader { memory.base + places[$0] }.read(&reader, excerpt)
            if !isList { try reader.finish() }
            for part in parts.parts {
                regions.append(part.selection.region)
                if part.selection.coversWhole { covered[part.array] = part.selection }
            }
        }
        return try PreparedWrite(
            to: open.segment,
            regions: regions,
            bytes: memory.source(),
            coversWhole: open.coversWhole(covered)
        )
    }

    /// How the picks of a target are narrowed by its conditions; nil without any.
    private static func rows(_ target: DataTarget) throws -> ((AxisPick) -> AxisPick)? {
        if target.conditions.isEmpty { return nil }
        var parts = ExcerptParts()
        let conditions = try target.addConditions(to: &parts)
        let memory = PatchMemory()
        let places = try memory.reserve(parts.parts.map(\.selection.region.byteCount))
        let wanted = zip(parts.parts, places).map { SnapshotPart($0.selection.region, into: memory.base + $1) }
        try target.segment.gather(wanted)
        let rows = try target.rows(conditions) { UnsafeRawPointer(memory.base + places[$0]) }
        return { $0.subset(rows) }
    }

    /// Whether the body is an object with the member `patches`; to JSON layouts that is a value like any other, and a
    /// frame may have a column of the name, among others.
    private static func isList(_ reader: JSONReader, _ target: DataTarget) throws -> Bool {
        if case .json = target.form { return false }
        var scout = reader
        guard try scout.peek() == .object else { return false }
        var names: [String] = []
        try scout.beginObject()
        while let key = try scout.nextKey() {
            names.append(key)
            _ = try scout.skip()
        }
        if names.count > 1, case .dataframe(let layout) = target.form,
            layout.columns.contains(where: { $0.name == "patches" })
        {
            return false
        }
        return names.contains("patches")
    }

    private static func list(
        _ start: JSONReader,
        _ target: DataTarget,
        _ context: RequestContext
    ) throws -> [Patch] {
        guard target.isAllOfSegment else {
            throw Problem(.invalidQuery, "expected patches for a whole segment, each with its own member and slice")
        }
        var reader = start
        var patches: [Patch] = []
        var partCount = 0
        try reader.beginObject()
        guard try reader.nextKey() == "patches" else {
            throw Problem(.invalidJSON, "expected nothing beside patches")
        }
        guard try reader.peek() == .array else { throw Problem(.invalidJSON, "expected patches as a list") }
        try reader.beginArray()
        while try reader.nextElement() {
            guard try reader.peek() == .object else { throw Problem(.invalidJSON, "expected each patch as an object") }
            var value: JSONReader?
            var object = JSONObject()
            try reader.beginObject()
            while let key = try reader.nextKey() {
                if key == "value" {
                    value = reader
                    _ = try reader.skip()
                } else {
                    object.members.append(.init(name: key, value: try reader.value()))
                }
            }
            guard let value else {
                throw Problem(.invalidJSON, "the patch \(patches.count) lacks its member \"value\"")
            }
            let path = try object.takeMember()
            let request = try SelectionRequest(&object)
            try object.finish("a patch")
            let place = try DataTarget(target.open, path: path, request, context)
            try place.requireWritable()
            patches.append(Patch(target: place, value: value))
            partCount += place.partCount
            guard partCount <= mostParts else {
                throw Problem(.tooLarge, "expected patches of at most \(mostParts) arrays together, got more")
            }
        }
        if try reader.nextKey() != nil { throw Problem(.invalidJSON, "expected nothing beside patches") }
        try reader.finish()
        return patches
    }

    /// So many arrays may be written by one body, counted again for each patch.
    private static let mostParts = 200_000
}

extension DataTarget {
    /// How many arrays it writes to, about.
    fileprivate var partCount: Int {
        guard case .layout(let node) = placed.member else { return 1 }
        return columns?.count ?? node.arrays.count
    }

    /// Whether it is the whole of its segment, nothing picked.
    var isAllOfSegment: Bool {
        guard isRoot, columns == nil, conditions.isEmpty else { return false }
        return zip(picks, placed.axes).allSatisfy { pick, axis in
            // A step means nothing where there is at most one position.
            guard case .range(0, axis.extent, let step) = pick else { return false }
            return step == 1 || axis.extent < 2
        }
    }
}

/// Private memory for the values of a write, one behind the other.
final class PatchMemory {
    private(set) var base: UnsafeMutableRawPointer
    private var count = 0

    init() {
        guard let base = malloc(64) else { fatalError("no memory for 64 bytes") }
        self.base = base
    }

    deinit { free(base) }

    /// Makes room for more values, zero at first; gives the offset of each.
    func reserve(_ counts: [Int]) throws(Problem) -> [Int] {
        var offsets: [Int] = []
        let start = count
        for value in counts {
            offsets.append(count)
            count += value
        }
        guard let larger = realloc(base, max(count, 64)) else {
            throw Problem(.busy, "no memory for a write of \(count) bytes")
        }
        base = larger
        memset(base + start, 0, count - start)
        return offsets
    }

    /// All values, as the bytes of a write.
    func source() -> ByteSource {
        ByteSource(UnsafeRawBufferPointer(start: base, count: count)) { _ = self }
    }
}
