internal import Documents
internal import Glibc
internal import Layouts
internal import Representations
internal import Segments

/// What is written to one segment by a JSON body: one value for the selection of a query, or patches that are one write.
struct PatchList {
    let open: OpenSegment
    private(set) var patches: [Patch]
    private let isList: Bool

    struct Patch {
        /// Where it stands; nil for a body that is one value.
        let place: ListPlace?
        let target: DataTarget
        /// Where its value begins.
        let value: JSONReader
        /// Bytes of its place, conditions left out.
        let byteCount: Int
        /// What was planned; nil for one of a list, which is planned again when it is written, for there may be many.
        let planned: PlannedWrite?
    }

    /// Reads which places a body of a PATCH is about; the values are read when the write is prepared.
    ///
    /// `plan` is called where it is one value.
    init(
        _ body: UnsafeRawBufferPointer,
        _ target: DataTarget,
        _ context: RequestContext,
        plan: () -> PlannedWrite
    ) throws {
        open = target.open
        let reader = JSONReader(body)
        isList = try Self.isList(reader, target)
        if !isList {
            let planned = plan()
            patches = [
                Patch(place: nil, target: target, value: reader, byteCount: planned.byteCount, planned: planned)
            ]
            return
        }
        patches = []
        guard target.isAllOfSegment else {
            throw Problem(.invalidQuery, "expected patches for a whole segment, each with its own member and slice")
        }
        var partCount = 0
        for element in try PatchElement.list(reader) {
            try element.place.located {
                var object = element.object
                try append(element, &object, context)
                try object.finish("a patch")
            }
            try Self.count(patches[patches.count - 1], &partCount)
        }
    }

    /// No patches yet.
    init(of open: OpenSegment) {
        self.open = open
        patches = []
        isList = true
    }

    /// Adds what an element of `patches` says, and takes its members out of the object.
    mutating func append(_ element: PatchElement, _ object: inout JSONObject, _ context: RequestContext) throws {
        let path = try object.takeMember()
        let request = try SelectionRequest(&object)
        let target = try DataTarget(open, path: path, request, context)
        try target.requireWritable()
        try target.requireDistinctColumns()
        let value = try element.value()
        let byteCount = PlannedWrite(target).byteCount
        patches.append(
            Patch(place: element.place, target: target, value: value, byteCount: byteCount, planned: nil)
        )
    }

    /// Counts the arrays of a patch, and refuses more than one body may write.
    static func count(_ patch: Patch, _ partCount: inout Int) throws(Problem) {
        partCount += patch.target.partCount
        guard partCount <= mostParts else {
            throw Problem(.tooLarge, "expected patches of at most \(mostParts) arrays together, got more")
        }
    }

    /// Bytes of what is known of its values before the lock is taken.
    var earlyByteCount: Int { hasConditions ? 0 : byteCount }

    /// Whether places depend on what stands in the segment.
    var hasConditions: Bool { patches.contains { !$0.target.conditions.isEmpty } }

    /// Bytes of all places together, conditions left out.
    var byteCount: Int { patches.reduce(0) { $0.addedClamped($1.byteCount) } }

    /// Reads all values and prepares the write; with the lock held, rows are chosen by their conditions.
    func prepared(isLocked: Bool, in room: WriteRoom) throws -> PreparedWrite {
        let (regions, bytes, coversWhole) = try values(isLocked: isLocked, in: room)
        return try PreparedWrite(to: open.segment, regions: regions, bytes: bytes, coversWhole: coversWhole)
    }

    /// The same as a piece of a write over several segments.
    func piece(isLocked: Bool, in room: WriteRoom) throws -> JointWrite.Piece {
        let (regions, bytes, coversWhole) = try values(isLocked: isLocked, in: room)
        return JointWrite.Piece(to: open.segment, regions: regions, bytes: bytes, coversWhole: coversWhole)
    }

    private func values(
        isLocked: Bool,
        in room: WriteRoom
    ) throws -> (regions: [Region], bytes: ByteSource, coversWhole: Bool) {
        precondition(isLocked || !hasConditions, "conditions are judged under the lock")
        var regions: [Region] = []
        var covered: [Int: Selection] = [:]
        let memory = PatchMemory(in: room)
        for patch in patches {
            let parts = try patch.place.located {
                let rows = isLocked ? try Self.rows(patch.target, in: room) : nil
                let planned = rows == nil ? patch.planned : nil
                let write = planned ?? PlannedWrite(patch.target, picks: rows.map { patch.target.picks.map($0) })
                let places = try memory.reserve(write.parts.parts.map(\.selection.region.byteCount))
                var reader = patch.value
                try ExcerptReader { memory.base + places[$0] }.read(&reader, write.excerpt)
                if !isList { try reader.finish() }
                return write.parts
            }
            for part in parts.parts {
                regions.append(part.selection.region)
                if part.selection.coversWhole { covered[part.array] = part.selection }
            }
        }
        try room.takeJournal(of: regions)
        return (regions, memory.source(), open.coversWhole(covered))
    }

    /// How the picks of a target are narrowed by its conditions; nil without any.
    private static func rows(_ target: DataTarget, in room: WriteRoom) throws -> ((AxisPick) -> AxisPick)? {
        if target.conditions.isEmpty { return nil }
        var parts = ExcerptParts()
        let conditions = try target.addConditions(to: &parts)
        let memory = PatchMemory(in: room)
        let places = try memory.reserve(parts.parts.map(\.selection.region.byteCount))
        let wanted = zip(parts.parts, places).map { SnapshotPart($0.selection.region, into: memory.base + $1) }
        try target.segment.gather(wanted)
        let rows = try target.rows(conditions) { UnsafeRawPointer(memory.base + places[$0]) }
        try room.take(rows.count * MemoryLayout<Int>.stride)
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

    /// So many arrays may be written by one body, counted again for each patch.
    private static let mostParts = 200_000
}

/// An element of a list of patches: where it is written, and the place of its value.
struct PatchElement {
    let place: ListPlace
    /// All members but `value`.
    let object: JSONObject
    private let reader: JSONReader?

    /// Where the value begins.
    func value() throws(Problem) -> JSONReader {
        if let reader { return reader }
        throw Problem(.invalidJSON, "expected the member \"value\"")
    }

    /// So many patches may a body have, and so many bytes may say where they go: a value read takes far more memory than
    /// its text.
    private static let mostElements = 200_000
    private static let mostOtherBytes = 16 << 20

    /// Reads an object with nothing but `patches`.
    static func list(_ start: JSONReader) throws -> [PatchElement] {
        var reader = start
        var elements: [PatchElement] = []
        var otherBytes = 0
        guard try reader.peek() == .object else { throw Problem(.invalidJSON, "expected an object with patches") }
        try reader.beginObject()
        guard try reader.nextKey() == "patches" else {
            throw Problem(.invalidJSON, "expected nothing beside patches")
        }
        guard try reader.peek() == .array else { throw Problem(.invalidJSON, "expected patches as a list") }
        try reader.beginArray()
        while try reader.nextElement() {
            let place = ListPlace(list: "patches", index: elements.count)
            guard elements.count < mostElements else {
                throw Problem(.tooLarge, "expected at most \(mostElements) patches, got more")
            }
            guard try reader.peek() == .object else {
                throw LocatedError(place: place, cause: Problem(.invalidJSON, "expected each patch as an object"))
            }
            var value: JSONReader?
            var object = JSONObject()
            try reader.beginObject()
            while let key = try reader.nextKey() {
                if key == "value" {
                    value = reader
                    _ = try reader.skip()
                } else {
                    var scout = reader
                    otherBytes += try scout.skip().count
                    guard otherBytes <= mostOtherBytes else {
                        throw Problem(
                            .tooLarge,
                            "expected patches that have at most \(mostOtherBytes) bytes beside their values, got more"
                        )
                    }
                    object.members.append(.init(name: key, value: try reader.value()))
                }
            }
            elements.append(PatchElement(place: place, object: object, reader: value))
        }
        if try reader.nextKey() != nil { throw Problem(.invalidJSON, "expected nothing beside patches") }
        try reader.finish()
        return elements
    }
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
    private let room: WriteRoom

    init(in room: WriteRoom) {
        self.room = room
        guard let base = malloc(64) else { fatalError("no memory for 64 bytes") }
        self.base = base
    }

    deinit { free(base) }

    /// Makes room for more values, zero at first; gives the offset of each.
    func reserve(_ counts: [Int]) throws -> [Int] {
        var offsets: [Int] = []
        let start = count
        for value in counts {
            offsets.append(count)
            count = count.addedClamped(value)
        }
        try room.take(count - start)
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
