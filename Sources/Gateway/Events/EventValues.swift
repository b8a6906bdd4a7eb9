internal import Documents
internal import Layouts
internal import Locks
internal import MicroHTTP
internal import Representations
internal import Segments
internal import Synchronization

/// A selection as it goes with an event.
struct EventValue: Sendable {
    /// The state of the segment that it is of.
    let tag: EntityTag
    let isDamaged: Bool
    /// What a GET gives, in one line.
    let json: [UInt8]
    /// What it takes of the budget for answers.
    let reservation: MemoryReservation?
}

/// Makes the selections that go with the events of one stream.
///
/// Small ones at once, on the event thread; what is larger, or has to wait for a writer, on a worker, which wakes the
/// connection. Only the event thread of the connection asks.
final class EventValues: Sendable {
    enum Outcome {
        case value(EventValue)
        /// A worker makes it, and wakes the connection.
        case coming
        /// Ask again in a moment: something is busy.
        case busy
        case failed(any Error)
    }

    private let reading: DataReading
    private let request: ReadRequest
    private let exchange: Exchange
    private let isAtWork = Atomic(false)
    private let made = Locked<Result<EventValue, any Error>?>(nil)

    /// More than this, as text and copies, is nothing for an event.
    private static let mostBytes = 1 << 20
    /// So much an event thread copies or encodes for one event.
    private static let inlineBytes = 64 << 10

    /// Takes the parameters of a GET; what picks nothing of the segment of now is refused, if there is one.
    init(
        _ reading: DataReading,
        _ name: SegmentName,
        _ query: inout Query,
        mayBeGone: Bool,
        _ context: RequestContext
    ) throws {
        self.reading = reading
        let path = try query.take("member").map { try JSONObject.memberPath($0) } ?? []
        request = try ReadRequest(name, path, &query)
        exchange = context.exchange
        try query.finish()
        if request.isRelaxed {
            throw Problem(.invalidQuery, "expected no consistency=relaxed: an event is of one state")
        }
        do {
            _ = try plan(context)
        } catch SegmentError.noSuchSegment where mayBeGone {}
    }

    private func plan(_ context: RequestContext) throws -> PlannedRead {
        let read = try reading.plan(request, accept: [], context)
        guard read.format == .json else {
            throw Problem(.notAcceptable, "expected format=json, as events have it, got \(read.format.rawValue)")
        }
        guard read.neededBytes <= Self.mostBytes else {
            throw Problem(
                .tooLarge,
                "expected a selection of at most \(Self.mostBytes) bytes for events, this takes some \(read.neededBytes)"
            )
        }
        return read
    }

    /// The selection as it is now.
    func next() -> Outcome {
        if isAtWork.load(ordering: .acquiring) { return .coming }
        if let result = made.withLock({ $0.take() }) {
            switch result {
            case .success(let value): return .value(value)
            case .failure(SegmentError.busy), .failure(SegmentError.replaced): return .busy
            case .failure(let error): return .failed(error)
            }
        }
        do {
            return .value(try make(RequestContext(exchange: exchange, mayBlock: false)))
        } catch is Deferral {
            return haveMade()
        } catch SegmentError.busy {
            return haveMade()
        } catch SegmentError.replaced {
            return .busy
        } catch {
            return .failed(error)
        }
    }

    private func haveMade() -> Outcome {
        isAtWork.store(true, ordering: .relaxed)
        let isTaken = exchange.runOnWorker { [self] in
            let result = Result { try make(RequestContext(exchange: exchange, mayBlock: true)) }
            made.withLock { $0 = result }
            isAtWork.store(false, ordering: .releasing)
            exchange.waker.wake()
        }
        if isTaken { return .coming }
        isAtWork.store(false, ordering: .relaxed)
        return .busy
    }

    private func make(_ context: RequestContext) throws -> EventValue {
        let read = try plan(context)
        if !context.mayBlock, read.movedBytes > Self.inlineBytes { throw Deferral() }
        let reservation = try reading.pool.budget.require(read.neededBytes, until: context.deadline)
        let answer = try reading.carryOut(read, reservation, context)
        defer { answer.body.discard() }
        guard let seen = answer.headers.value(of: "ETag").flatMap({ SeenTag($0) }), let uuid = seen.uuid else {
            preconditionFailure("a snapshot has its tag")
        }
        return EventValue(
            tag: EntityTag(uuid: uuid, sequence: seen.sequence),
            isDamaged: answer.headers.value(of: "Shm-Damaged") != nil,
            json: Self.line(answer.body),
            reservation: reservation
        )
    }

    /// The text in one line: between values a line break is as good as a space, and within texts there is none.
    private static func line(_ body: Response.Body) -> [UInt8] {
        switch body {
        case .allocated(let bytes): bytes.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        case .pinned(let bytes, _): bytes.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        default: preconditionFailure("JSON lies in memory")
        }
    }
}
