internal import Locks
package import Segments

/// The labels of one axis, to be searched.
///
/// What a search needs to know of all labels (their order, whether they are unique, a hash table where they have no
/// order) is found out once. The labels themselves stay in the segment: they never change.
package final class LabelIndex: Sendable {
    /// What they are, how many, and their name.
    package let contents: LabelContents
    private let source: Source
    let coding: KeyCoding?
    private let knownFacts = Locked<Facts?>(nil)
    private let knownTable = Locked<LabelTable?>(nil)
    private let knownRanking = Locked<[UInt32]?>(nil)

    /// Where the bytes are: one buffer for elements, two for texts, none for a range.
    private enum Source: Sendable {
        case segment(Segment, [ArrayBuffer])
        case memory([[UInt8]])
    }

    /// The labels of a segment whose buffers stand in `buffers`.
    package convenience init(_ contents: LabelContents, buffers: [ArrayBuffer], of segment: Segment) {
        self.init(contents, .segment(segment, buffers))
    }

    /// Labels that a request brought, with the bytes of their buffers.
    package convenience init(_ contents: LabelContents) { self.init(contents, .memory(contents.buffers)) }

    private init(_ contents: LabelContents, _ source: Source) {
        self.contents = contents
        self.source = source
        if case .elements(let dtype, _, _) = contents.labels { coding = KeyCoding(dtype) } else { coding = nil }
    }

    /// How many labels there are.
    package var count: Int { contents.labels.count }

    /// What is true of all labels together.
    struct Facts: Sendable {
        enum Order { case ascending, descending, none }
        var order: Order
        /// For labels in order; others ask the table.
        var hasEqualNeighbours: Bool
        /// The coarsest unit from a day down that every instant is a whole number of.
        var resolution: TimeUnit.Base
    }

    /// Found out at the first call, which reads every label.
    func facts() throws -> Facts {
        try knownFacts.withLock { known in
            if let known { return known }
            let facts = try survey()
            known = facts
            return facts
        }
    }

    /// Made at the first call, which reads every label.
    func table() throws -> LabelTable {
        try knownTable.withLock { known in
            if let known { return known }
            let table = try LabelTable(of: self)
            known = table
            return table
        }
    }

    /// The positions in the order of their labels; made at the first call, which reads every label.
    func ranking() throws -> [UInt32] {
        try knownRanking.withLock { known in
            if let known { return known }
            guard count < Int(UInt32.max) else {
                throw LayoutError.invalidQuery("expected labels in order, or fewer than \(UInt32.max) of them")
            }
            var keys: [LabelKey] = []
            keys.reserveCapacity(count)
            try forEachKey { _, key in keys.append(key) }
            let ranking = keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { UInt32($0) }
            known = ranking
            return ranking
        }
    }

    /// Whether no label occurs twice.
    func isUnique() throws -> Bool {
        let facts = try facts()
        return facts.order == .none ? try table().isUnique : !facts.hasEqualNeighbours
    }

    /// The zone of the labels, if they are instants of one.
    var zone: TimeZone? {
        if case .elements(_, _, let name?) = contents.labels { return TimeZone.named(name) }
        return nil
    }
}

extension LabelIndex {
    /// How many bytes a search may have to look at: few, but the first time all, and for spans of time that stand in no
    /// order every time.
    package func searchByteCount(_ selection: LabelSelection, method: LabelMethod?) -> Int {
        if case .range = contents.labels { return 0 }
        // While another thread surveys them the lock is held, and what it finds is not known yet.
        let known = knownFacts.withLockIfAvailable { $0 } ?? nil
        guard let facts = known else { return count.multipliedClamped(by: 64) }
        switch facts.order {
        case .ascending: return 0
        case .descending: return count.multipliedClamped(by: 8)
        case .none:
            // One label may stand at any number of places, unless none does.
            let isUnique = knownTable.withLockIfAvailable { $0?.isUnique } ?? nil
            if isUnique == true, method == nil, let labels = labelsToFind(selection) {
                return labels.multipliedClamped(by: 64)
            }
            let isReady = isUnique != nil && (knownRanking.withLockIfAvailable { $0 != nil } ?? false)
            return count.multipliedClamped(by: isReady ? 8 : 64)
        }
    }

    /// How many single labels a selection names; nil for one that may pick a span.
    private func labelsToFind(_ selection: LabelSelection) -> Int? {
        switch selection {
        case .value(let term): (try? LabelQuery(term, for: self))?.isSpan == false ? 1 : nil
        case .list(let items): items.count
        case .range: nil
        }
    }

    /// Copies bytes of one of the buffers out.
    func load(_ buffer: Int, _ offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws(SegmentError) {
        switch source {
        case .memory(let buffers):
            buffers[buffer].withUnsafeBytes {
                bytes.copyMemory(from: .init(rebasing: $0[offset..<offset + bytes.count]))
            }
        case .segment(let segment, let buffers):
            guard segment.loadBytes(buffers[buffer].byteOffset + offset, into: bytes) else {
                throw segment.wasTruncated
            }
        }
    }

    /// Copies what a selection of the first buffer picks; `array` is that buffer with the extents that matter.
    func gather(_ picks: [AxisPick], of extents: [Int], _ dtype: DType) throws(SegmentError) -> [UInt8] {
        let start: Int
        switch source {
        case .memory: start = 0
        case .segment(_, let buffers): start = buffers[0].byteOffset
        }
        let array = ArrayBuffer(path: "", dtype: dtype, shape: extents, byteOffset: start)
        let region = Selection(picks, of: array).region
        var bytes = [UInt8](repeating: 0, count: region.byteCount)
        let copied: Result<Void, SegmentError> = bytes.withUnsafeMutableBytes { raw in
            Result { () throws(SegmentError) in
                guard let base = raw.baseAddress else { return }
                switch source {
                case .memory(let buffers): buffers[0].withUnsafeBytes { region.gather(from: $0, into: base) }
                case .segment(let segment, _): try segment.gather(region, into: base)
                }
            }
        }
        try copied.get()
        return bytes
    }

    /// The label at a position.
    func key(at position: Int) throws(SegmentError) -> LabelKey {
        switch contents.labels {
        case .range(let start, _, let step): return .number(Int128(start + position * step))
        case .elements(let dtype, _, _):
            var bits: UInt64 = 0
            try withUnsafeMutableBytes(of: &bits) { raw throws(SegmentError) in
                let place = UnsafeMutableRawBufferPointer(rebasing: raw[..<dtype.byteCount])
                try load(0, position * dtype.byteCount, into: place)
            }
            return .number(withUnsafeBytes(of: &bits) { raw in raw.baseAddress.flatMap { coding?.key($0) } ?? 0 })
        case .texts: return .text(try utf8(at: position))
        }
    }

    /// The UTF-8 of the text at a position, not known to be valid.
    package func utf8(at position: Int) throws(SegmentError) -> [UInt8] {
        var ends: (Int64, Int64) = (0, 0)
        try withUnsafeMutableBytes(of: &ends) { raw throws(SegmentError) in try load(0, 8 * position, into: raw) }
        guard case .texts(_, let byteCount) = contents.labels, ends.0 >= 0, ends.0 <= ends.1, ends.1 <= byteCount else {
            throw .corrupt("the labels of the segment have offsets that lead nowhere")
        }
        var bytes = [UInt8](repeating: 0, count: Int(ends.1 - ends.0))
        let loaded: Result<Void, SegmentError> = bytes.withUnsafeMutableBytes { raw in
            Result { () throws(SegmentError) in try load(1, Int(ends.0), into: raw) }
        }
        try loaded.get()
        return bytes
    }

    /// Calls `body` with every label in turn.
    func forEachKey(_ body: (Int, LabelKey) throws -> Void) throws {
        guard case .elements(let dtype, let count, _) = contents.labels, let coding else {
            for position in 0..<count { try body(position, try key(at: position)) }
            return
        }
        let chunk = 8_192
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk * dtype.byteCount, alignment: 8)
        defer { memory.deallocate() }
        guard let base = memory.baseAddress else { return }
        for start in stride(from: 0, to: count, by: chunk) {
            let size = min(chunk, count - start)
            let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<(size * dtype.byteCount)])
            try load(0, start * dtype.byteCount, into: part)
            for index in 0..<size { try body(start + index, .number(coding.key(base + index * dtype.byteCount))) }
        }
    }
}

extension LabelIndex {
    /// Reads every label once.
    private func survey() throws -> Facts {
        if case .range(_, _, let step) = contents.labels {
            return Facts(order: step > 0 ? .ascending : .descending, hasEqualNeighbours: false, resolution: .day)
        }
        var isAscending = true
        var isDescending = true
        var hasEqual = false
        var last: LabelKey?
        var grain = InstantGrain(contents.labels)
        // NaN is in no order, not even alone; its key only lets it be found.
        var hasNothing = false
        let isFloat = coding?.isFloat ?? false
        try forEachKey { _, key in
            if let last {
                switch (last, key) {
                case (.number(let one), .number(let other)):
                    if one > other { isAscending = false } else if one < other { isDescending = false }
                    if one == other { hasEqual = true }
                case (.text(let one), .text(let other)):
                    if one == other {
                        hasEqual = true
                    } else if one.lexicographicallyPrecedes(other) {
                        isDescending = false
                    } else {
                        isAscending = false
                    }
                default: break
                }
            }
            last = key
            if isFloat, key == .number(KeyCoding.notANumber) { hasNothing = true }
            if case .number(let count) = key { grain?.add(Int64(truncatingIfNeeded: count)) }
        }
        return Facts(
            order: hasNothing ? .none : isAscending ? .ascending : isDescending ? .descending : .none,
            hasEqualNeighbours: hasEqual,
            resolution: grain?.resolution ?? .day
        )
    }
}

/// The coarsest unit from a day down that every instant so far is a whole number of, by the local clock.
private struct InstantGrain {
    private(set) var resolution = TimeUnit.Base.day
    private let unit: TimeUnit
    private let zone: TimeZone?
    private var divisor: Int64

    /// Nil for labels that are no instants.
    init?(_ labels: Labels) {
        guard case .elements(let dtype, _, let zone) = labels, case .datetime(let unit) = dtype.element else {
            return nil
        }
        self.unit = unit
        self.zone = zone.flatMap(TimeZone.named)
        divisor = Self.units(of: .day, in: unit)
    }

    mutating func add(_ count: Int64) {
        guard count != DateTime.nat else { return }
        let local = zone?.local(count, unit: unit).count ?? count
        while local % divisor != 0, let finer = Self.finer[resolution] {
            resolution = finer
            divisor = Self.units(of: finer, in: unit)
        }
    }

    private static let finer: [TimeUnit.Base: TimeUnit.Base] = [
        .day: .hour, .hour: .minute, .minute: .second, .second: .millisecond, .millisecond: .microsecond,
        .microsecond: .nanosecond,
    ]

    /// How many of a finer unit make one of a base; 1 where it is not finer.
    private static func units(of base: TimeUnit.Base, in unit: TimeUnit) -> Int64 {
        Duration.convert(1, from: TimeUnit(base), to: unit) ?? 1
    }
}
