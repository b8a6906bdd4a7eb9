internal import CMicroHTTPD

extension Exchange {
    /// The header block is complete: gate, then admission.
    ///
    /// Success is never answered here, for that would close the connection.
    func begin(method: UnsafePointer<CChar>, version: UnsafePointer<CChar>) -> MHD_Result {
        let server = record.server
        setMethod(method)
        var gate = RequestGate()
        gate.layout = HeaderLayout(
            block: UnsafeRawBufferPointer(start: method, count: cmicrohttpd_header_size(connection)),
            targetCount: rawTarget.count,
            version: version
        )
        MHD_get_connection_values_n(connection, .HEADER_KIND, inspectHeader, &gate)
        if let objection = gate.objection(version: String(cString: version), target: rawTarget) {
            var response = server.service.badRequest(objection)
            response.headers.append(("Connection", "close"))
            return queue(response)
        }
        contentLength = gate.contentLength
        isChunked = gate.hasChunks
        expectsContinue = header("Expect").map { $0.lowercased() == "100-continue" } ?? false
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
        // A length was judged at the beginning; a chunked body shows only now that there is no end to it.
        return contentLength == nil && dropped > record.server.configuration.maxDrainBytes ? .NO : .YES
    }

    /// The body is complete.
    func finish() -> MHD_Result {
        record.enter(.answering)
        if response != nil { return queueResponse() }
        switch record.server.service.answer(self, mayBlock: false) {
        case .now(let response): return queue(response)
        case .later: return moveToWorker()
        }
    }

    /// Queues what a worker, or the admission, left.
    func queueResponse() -> MHD_Result {
        guard let response else { preconditionFailure("an answered exchange has its response") }
        self.response = nil
        return queue(response)
    }

    private func queue(_ response: Response) -> MHD_Result {
        phase = .queued
        return response.queue(on: connection)
    }

    /// Suspends the connection and gives the exchange to a worker, who resumes it.
    private func moveToWorker() -> MHD_Result {
        let server = record.server
        phase = .working
        MHD_suspend_connection(connection)
        let isTaken = server.workers.submit { [self] in
            if case .now(let response) = server.service.answer(self, mayBlock: true) {
                self.response = response
            } else {
                preconditionFailure("a worker's answer is final")
            }
            resume()
        }
        if !isTaken {
            response = server.service.overloaded()
            resume()
        }
        return .YES
    }

    /// The last thing that a worker does with an exchange.
    private func resume() {
        phase = .answered
        MHD_resume_connection(connection)
    }
}
