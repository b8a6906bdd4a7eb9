/// What answers requests: two questions for each of them.
package protocol Service: AnyObject, Sendable {
    /// Asked on an event thread when the header block is complete and the body not yet read; must not block.
    func admit(_ exchange: Exchange) -> Admission

    /// Asked when the body is complete: first on the event thread with `mayBlock` false, where ``Answer/later`` moves
    /// the request to a worker; there with `mayBlock` true, and the answer may not be ``Answer/later``.
    func answer(_ exchange: Exchange, mayBlock: Bool) -> Answer

    /// Told of every answer to a request just before it leaves, on the event thread; must not block.
    func answered(_ exchange: Exchange, _ response: Response, _ timing: Timing)

    /// Called when the server begins to stop: what waits for something to happen is to be woken, and to end.
    func stopping()

    /// Called about once a second, on a thread of the server, for what has to be done from time to time.
    func everySecond()

    /// The answer to a request that the server itself turns away.
    func refusal(_ reason: Refusal) -> Response
}

extension Service {
    package func answered(_ exchange: Exchange, _ response: Response, _ timing: Timing) {}

    package func stopping() {}
}

/// Why the server turns a request away without asking the service.
package enum Refusal: Sendable {
    /// It could be read in two ways, or breaks HTTP's rules; the text says what was expected.
    case malformed(String)
    /// The header block has more bytes than this.
    case headerTooLarge(limit: Int)
    /// The client expects something else than to be told to go on.
    case unknownExpectation
    /// So many connections are open, which is as many as may be; for requests that nobody has read yet.
    case tooManyConnections(limit: Int)
    /// As many as may be are open from this address.
    case tooManyFromAddress(limit: Int)
    /// No worker is free and the queue is full.
    case noWorker
}

/// What becomes of a request whose header block is complete.
package enum Admission {
    /// It is answered without being carried out; a small body is read first, so that the connection can be kept.
    case refuse(Response)
    /// Its body, if any, is gathered in memory; more than `limit` bytes set ``Exchange/bodyIsTooLarge``.
    case collect(limit: Int)
    /// Its body is handed over piece by piece.
    case stream(any BodySink)
}

/// Takes a body piece by piece; used by one thread at a time.
package protocol BodySink: AnyObject {
    /// Takes a piece; false stops the feeding, and the rest of the body is read and dropped.
    func receive(_ piece: UnsafeRawBufferPointer) -> Bool
}

/// Whether a request could be answered where it was asked.
package enum Answer {
    /// Here it is.
    case now(Response)
    /// It may take over a millisecond: ask again on a worker.
    case later
    /// There is nothing to answer yet: ask again when the exchange's ``Waker`` is woken. No thread waits meanwhile.
    case parked
}
