internal import Documents
internal import Layouts
internal import Locks
internal import Representations
internal import Segments
internal import Synchronization

/// What a client asks to read: of a GET, or one of the reads of a query.
struct ReadRequest {
    let name: SegmentName
    let path: [String]
    let selection: SelectionRequest
    /// The format by its name; nil lets `Accept` choose.
    let format: String?
    let form: JSONForm
    /// Whether any bytes will do, torn ones too.
    let isRelaxed: Bool
    /// The most rows that are wanted, chosen so that a plot shows every spike; nil for all.
    let mostPoints: Int?

    /// Takes the parameters of a GET.
    init(_ name: SegmentName, _ path: [String], _ query: inout Query) throws {
        self.name = name
        self.path = path
        selection = try SelectionRequest(&query)
        format = query.take("format")
        form = try JSONForm(&query)
        isRelaxed = try query.take("consistency", from: [("snapshot", false), ("relaxed", true)], default: false)
        mostPoints = try query.takeMostPoints()
    }

    /// Takes the parameters of a GET of `stats`: numbers have the forms of JSON.
    init(_ name: SegmentName, _ path: [String], statsOf query: inout Query) throws {
        self.name = name
        self.path = path
        selection = try SelectionRequest(&query)
        format = nil
        form = JSONForm(options: try JSONOptions(&query), orientation: .split, tellsDTypes: false, tellsRows: false)
        isRelaxed = false
        mostPoints = nil
    }

    /// Takes the members of a read: what a GET has in its path and its query, under the same names.
    ///
    /// All of them but `consistency`, for each read of a list is a snapshot.
    init(_ object: inout JSONObject) throws {
        name = try object.takeSegment()
        path = try object.takeMember()
        selection = try SelectionRequest(&object)
        let names = ["format", "nan", "int64", "timedelta", "text", "orient", "dtypes", "rows", "max_points"]
        var query = try Query(names, of: &object)
        format = query.take("format")
        form = try JSONForm(&query)
        isRelaxed = false
        mostPoints = try query.takeMostPoints()
        try object.finish("a read")
    }
}

/// How a request wants its JSON.
struct JSONForm {
    let options: JSONOptions
    let orientation: ExcerptJSON.Orientation
    let tellsDTypes: Bool
    /// Whether it says which rows are left of the selection.
    let tellsRows: Bool

    /// A form of these parts.
    init(options: JSONOptions, orientation: ExcerptJSON.Orientation, tellsDTypes: Bool, tellsRows: Bool) {
        self.options = options
        self.orientation = orientation
        self.tellsDTypes = tellsDTypes
        self.tellsRows = tellsRows
    }

    /// Takes the parameters.
    init(_ query: inout Query) throws(Problem) {
        options = try JSONOptions(&query)
        orientation = try query.take("orient", from: [("split", .split), ("columns", .columns)], default: .split)
        tellsDTypes = try query.take("dtypes", from: [("0", false), ("1", true)], default: false)
        tellsRows = try query.take("rows", from: [("0", false), ("1", true)], default: false)
    }
}

/// A read that only has to be carried out, once or many times: what is picked, in which form, and what that costs.
final class PlannedRead: Sendable {
    let target: DataTarget
    /// What is picked; where there are conditions, before they are looked at.
    let excerpt: Excerpt
    let parts: ExcerptParts
    let format: Format
    let form: JSONForm
    let isRelaxed: Bool
    /// The parts with those that the conditions look at; nil if all rows are wanted.
    let conditions: (wide: ExcerptParts, DataTarget.ConditionParts)?
    /// The most rows that are wanted; nil for all.
    let mostPoints: Int?
    /// The labels of a series or frame as they were written before; nil where nothing writes them.
    let indexText: KnownLabelsText?
    /// The outline of its Arrow stream, if it was made.
    private let keptOutline = Locked<KeptOutline?>(nil)
    /// The sequence that it met last, and what it was answered then.
    private let last = Locked<(sequence: UInt64, answer: KeptAnswer?)>((0, nil))
    /// What is picked as far as the size of its text goes: no more rows than are wanted.
    private let outline: Excerpt
    /// Whether it is an Arrow stream of which all but the elements can be known before they are read.
    private let hasArrowOutline: Bool
    /// Whether that turned out to be longer than was foreseen, for its labels are texts.
    private let outlineIsTooLong = Atomic(false)
    /// Bytes of copies that the answer takes.
    let copiedBytes: Int
    /// The same with those of text, by an estimate.
    let neededBytes: Int
    /// Bytes of text, by an estimate.
    let textBytes: Int
    /// Bytes that one step of it copies or encodes, which is what an event thread must not do too long.
    let movedBytes: Int

    init(
        _ target: DataTarget,
        _ excerpt: Excerpt,
        _ parts: ExcerptParts,
        _ format: Format,
        _ request: ReadRequest
    ) throws {
        self.target = target
        self.excerpt = excerpt
        self.parts = parts
        self.format = format
        form = request.form
        isRelaxed = request.isRelaxed
        mostPoints = request.mostPoints
        indexText =
            switch excerpt {
            case .series, .frame: format == .json || format == .csv ? KnownLabelsText() : nil
            default: nil
            }
        outline = try mostPoints.map { try target.outline($0, excerpt) } ?? excerpt
        textBytes = Self.textBytes(outline, format).addedClamped(
            format == .arrow || format == .arrowFile
                ? ArrowOutline.metadataBytes(
                    excerpt,
                    asFile: format == .arrowFile,
                    attrs: target.isRoot ? target.open.header.attrs : ""
                ) : 0
        )
        hasArrowOutline =
            (format == .arrow || format == .arrowFile) && excerpt.isPlainArrow
            && target.conditions.isEmpty && mostPoints == nil
        if case .labels(let labels) = excerpt, format.isPacked {
            conditions = nil
            copiedBytes = labels.count.multipliedClamped(by: 32)
            neededBytes = copiedBytes
            movedBytes = neededBytes
        } else if target.conditions.isEmpty, mostPoints == nil {
            conditions = nil
            copiedBytes = parts.byteCount
            neededBytes = copiedBytes.addedClamped(textBytes)
            movedBytes = max(parts.byteCount, textBytes)
        } else {
            var wide = parts
            let needed = try target.addConditions(to: &wide)
            conditions = (wide, needed)
            copiedBytes = wide.byteCount.addedClamped(parts.byteCount)
            neededBytes = copiedBytes.addedClamped(textBytes)
            movedBytes = max(wide.byteCount, textBytes)
        }
    }

    /// Whether it takes so little memory that many of them can be kept.
    var isSmall: Bool { target.mayKeep(excerpt, conditions?.wide ?? parts) }

    /// The attributes of what is read, as JSON text.
    var attrs: String { target.isRoot ? target.open.header.attrs : "{}" }

    /// All of its Arrow stream but the elements; nil where it is none, or where these have to be looked at or chosen, or
    /// where labels make it longer than was foreseen.
    ///
    /// Labels never change, so it is kept for the next time if there is room; without one it is not.
    func arrowOutline(keptIn room: KeptRoom?) throws(SegmentError) -> ArrowOutline? {
        guard hasArrowOutline, !outlineIsTooLong.load(ordering: .relaxed) else { return nil }
        if let kept = keptOutline.withLock({ $0 }) { return kept.outline }
        let made = try ArrowOutline(excerpt, asFile: format == .arrowFile, attrs: attrs)
        guard made.byteCount <= neededBytes.addedClamped(Self.mostUnforeseenBytes) else {
            outlineIsTooLong.store(true, ordering: .relaxed)
            return nil
        }
        if let room, let kept = KeptOutline(made, in: room) {
            // What is let go here is freed behind the lock.
            var dropped: KeptOutline? = kept
            keptOutline.withLock { swap(&$0, &dropped) }
            withExtendedLifetime(dropped) {}
        }
        return made
    }

    /// What nobody counts of a stream: padding, the ends of messages.
    private static let mostUnforeseenBytes = 64 << 10

    /// Whether its answer can be kept: it is made of few bytes, of the same ones each time, and says nothing else.
    var mayKeepAnswer: Bool {
        if case .labels = excerpt { return false }
        return !isRelaxed && conditions == nil && copiedBytes <= KeptAnswer.mostSourceBytes
    }

    /// What it was answered last, if that was kept.
    var keptAnswer: KeptAnswer? { last.withLock { $0.answer } }

    /// Notes the sequence that it has met now; whether the one before it met the same.
    ///
    /// An answer of another sequence goes.
    func meets(_ sequence: UInt64) -> Bool {
        // What is let go here is freed behind the lock.
        var dropped: KeptAnswer?
        let isSame = last.withLock { last in
            if last.sequence == sequence { return true }
            swap(&last.answer, &dropped)
            last.sequence = sequence
            return false
        }
        withExtendedLifetime(dropped) {}
        return isSame
    }

    /// Keeps an answer, in the place of the one before.
    func keep(_ answer: KeptAnswer) {
        var dropped: KeptAnswer? = answer
        last.withLock { swap(&$0.answer, &dropped) }
        withExtendedLifetime(dropped) {}
    }

    /// Lets go of an answer and an outline that nobody wants any more.
    func dropIdle() {
        // What is let go here is freed behind the locks.
        var answer: KeptAnswer?
        last.withLock { last in
            if last.answer?.wasIdle() == true { swap(&last.answer, &answer) }
        }
        var outline: KeptOutline?
        keptOutline.withLock { if $0?.wasIdle() == true { swap(&$0, &outline) } }
        withExtendedLifetime((answer, outline)) {}
    }

    /// Whether its bytes are those of one array, as many as its shape says.
    var isArrayAsItIs: Bool {
        guard format.isPacked, conditions == nil else { return false }
        if case .labels = excerpt { return false }
        return true
    }

    /// So many values, labels and empty lists fit into an answer of text.
    static let mostValues = 1 << 27

    /// Refuses what would fill the memory with text.
    func requireModest() throws(Problem) {
        let excerpt = outline
        if format.isText, excerpt.textCount > Self.mostValues {
            throw Problem(
                .tooLarge,
                "expected at most \(Self.mostValues) values for \(format.mediaType), got \(excerpt.textCount); "
                    + "raw and npy have no limit"
            )
        }
        // A range of any length is a few bytes of a header; here its labels are written out.
        let labels: Int
        if case .labels(let picked) = excerpt {
            labels = format.isText ? 0 : picked.count
        } else {
            labels = format.isText || format.isPacked ? 0 : excerpt.labelCount
        }
        if labels > Self.mostValues {
            throw Problem(.tooLarge, "expected at most \(Self.mostValues) labels, got \(labels)")
        }
    }

    /// Bytes beside those of the arrays that a representation takes, about: of text, or of labels that were read.
    private static func textBytes(_ excerpt: Excerpt, _ format: Format) -> Int {
        if format.isText {
            return excerpt.textCount.multipliedClamped(by: 16).addedClamped(TableText.scratchBytes(excerpt))
        }
        return format.isPacked ? 0 : excerpt.labelCount.multipliedClamped(by: 32)
    }
}

extension Int {
    /// The sum, or the largest number there is.
    func addedClamped(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
