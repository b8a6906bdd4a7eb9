internal import CGnuTLS
internal import CMicroHTTPD
internal import Glibc
internal import Synchronization

extension Exchange {
    /// The header block is complete: gate, then admission.
    ///
    /// Success is never answered here, for that would close the connection.
    func begin(method: UnsafePointer<CChar>, version: UnsafePointer<CChar>) -> MHD_Result {
        let server = record.server
        beginNs = preciseNs()
        setMethod(method)
        var gate = RequestGate()
        gate.layout = HeaderLayout(
            block: UnsafeRawBufferPointer(start: method, count: cmicrohttpd_header_size(connection)),
            targetCount: rawTarget.count,
            version: version
        )
        withUnsafeMutablePointer(to: &gate) {
            _ = MHD_get_connection_values_n(connection, .HEADER_KIND, inspectHeader, $0)
        }
        if let given = gate.requestID { id = given }
        let version = String(cString: version)
        if let objection = gate.objection(version: version, target: rawTarget) {
            return close(with: .malformed(objection))
        }
        let limit = server.configuration.maxHeaderBytes
        if cmicrohttpd_header_size(connection) > limit { return close(with: .headerTooLarge(limit: limit)) }
        // To a request of HTTP/1.0 no expectation may be believed: the answer 100 is not known there.
        if gate.expectation == .unknown, version != "HTTP/1.0" { return close(with: .unknownExpectation) }
        contentLength = gate.contentLength
        isChunked = gate.hasChunks
        expectsContinue = gate.expectation == .goOn && version != "HTTP/1.0"
        record.enter(.body)
        phase = .body
        switch server.service.admit(self) {
        case .collect(let limit): intake = .collect(limit: limit)
        case .stream(let sink): intake = .stream(sink)
        case .refuse(let refusal):
            let isLong = contentLength.map { $0 > UInt64(server.configuration.maxDrainBytes) } ?? false
            if expectsContinue || isLong { return queue(refusal) }
            response = refusal
        }
        return .YES
    }

    /// A piece of the body; always taken whole.
    func takePiece(_ bytes: UnsafeRawBufferPointer) -> MHD_Result {
        receive(bytes)
        record.count(bytes.count)
        receivedBytes += bytes.count
        record.server.traffic.receivedBytes.add(bytes.count, ordering: .relaxed)
        // A length was judged at the beginning; a chunked body shows only now that there is no end to it.
        guard contentLength == nil, dropped > record.server.configuration.maxDrainBytes else { return .YES }
        part()
        return .NO
    }

    /// Answers past libmicrohttpd, which answers only behind a whole body, and keeps the socket until the client has
    /// read that.
    private func part() {
        var last = response
        response = nil
        if last == nil, case .now(let answer) = record.server.service.answer(self, mayBlock: false) { last = answer }
        guard let last else { return }
        let descriptor = fcntl(record.descriptor, F_DUPFD_CLOEXEC, 0)
        last.withWireBytes(stamp(last)) { bytes in
            if record.loop.isSecure, let session = cmicrohttpd_session(connection) {
                cgnutls_last_words(session, bytes.baseAddress, bytes.count)
            } else {
                _ = send(record.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
        }
        if descriptor >= 0 { record.server.keepParting(descriptor) }
    }

    /// The body is complete.
    func finish() -> MHD_Result {
        if response != nil { return queueResponse() }
        while true {
            switch record.server.service.answer(self, mayBlock: false) {
            case .now(let response): return queue(response)
            case .later: return moveToWorker()
            case .parked:
                phase = .parked
                record.park(waker)
                if waker.suspend(connection) { return .YES }
                if waker.isCut { return .NO }
            }
        }
    }

    /// The connection of a parked exchange runs again.
    func wakeUp() -> MHD_Result {
        if waker.isAsleep { return .YES }
        return waker.isCut ? .NO : finish()
    }

    /// It is over: nobody wakes its connection any more.
    func end() {
        guard hasWaker else { return }
        waker.end()
        record.park(nil)
    }

    /// Queues what a worker, or the admission, left.
    func queueResponse() -> MHD_Result {
        guard let response else { preconditionFailure("an answered exchange has its response") }
        self.response = nil
        return queue(response)
    }

    private func queue(_ response: Response) -> MHD_Result {
        phase = .queued
        let stamp = stamp(response)
        releaseBody()
        record.enter(.sending)
        if case .live = response.body { record.park(waker) }
        record.limitSilence(of: connection)
        if method != .head { record.server.traffic.sentBytes.add(response.body.knownCount, ordering: .relaxed) }
        return response.queue(for: self, stamp)
    }

    /// What the answer says of the request; the service is told of both.
    private func stamp(_ response: Response) -> Stamp {
        let timing = Timing(totalNs: preciseNs() - beginNs, queueNs: queueNs, lockNs: lockWaitNs)
        record.server.service.answered(self, response, timing)
        return Stamp(id: id, timing: timing)
    }

    /// Answers that the request is none, and ends the connection.
    private func close(with reason: Refusal) -> MHD_Result {
        var response = record.server.service.refusal(reason)
        response.headers.append(("Connection", "close"))
        return queue(response)
    }

    /// Suspends the connection and gives the exchange to a worker, who resumes it.
    private func moveToWorker() -> MHD_Result {
        let server = record.server
        phase = .working
        queuedNs = monotonicNs()
        let sinceNs = preciseNs()
        record.enter(.working)
        MHD_suspend_connection(connection)
        let isTaken = server.workers.submit(crowd: crowd) { [self] in
            queueNs = preciseNs() - sinceNs
            switch server.service.answer(self, mayBlock: true) {
            case .now(let response):
                self.response = response
                resume()
            case .later: preconditionFailure("a worker does not send a request to a worker")
            case .parked:
                phase = .parked
                record.park(waker)
                waker.leaveSuspended(connection)
            }
        }
        if !isTaken {
            response = server.service.refusal(.noWorker)
            resume()
        }
        return .YES
    }

    /// Has a worker do something for an answer that goes on, on its event thread; false if none will.
    package func runOnWorker(_ job: @escaping @Sendable () -> Void) -> Bool {
        queuedNs = monotonicNs()
        return record.server.workers.submit(crowd: crowd, job)
    }

    /// The last thing that a worker does with an exchange.
    private func resume() {
        phase = .answered
        MHD_resume_connection(connection)
    }
}
