internal import Codings
internal import MicroHTTP
internal import Segments

/// When answers are packed.
package struct Compression: Sendable {
    /// Who gets packed answers, of those that accept them.
    package enum Rule: String, CaseIterable, Sendable {
        /// Clients on other machines: on this one packing takes longer than sending.
        case auto
        case always
        case never
    }

    /// Who gets packed answers.
    package var rule: Rule
    /// Shorter answers are sent as they are.
    package var leastBytes: Int

    /// A rule, and from what size on.
    package init(_ rule: Rule = .auto, from leastBytes: Int = 1_024) {
        self.rule = rule
        self.leastBytes = leastBytes
    }

    private func applies(to exchange: Exchange) -> Bool {
        switch rule {
        case .auto: !exchange.isFromLoopback
        case .always: true
        case .never: false
        }
    }

    /// The answer packed as the client likes it, where that is worth it; `budget` counts what packers take.
    ///
    /// Runs of bytes are runs of what is not packed, and what only the kernel may read cannot be packed. A client that
    /// refuses answers as they are, and gets no other, is told so.
    func apply(to response: Response, _ exchange: Exchange, _ budget: MemoryBudget) -> Response {
        guard [200, 206].contains(response.status), let count = response.body.count, count > 0 else { return response }
        let isPossible = applies(to: exchange)
        let lines = exchange.headers("Accept-Encoding")
        if !isPossible, lines.isEmpty { return response }
        var response = response
        let accepted = AcceptedCodings(lines)
        if isPossible { response.vary(by: "Accept-Encoding") }
        if isPossible, response.status == 200, exchange.header("Range") == nil, !response.isForKernel,
            count >= leastBytes || !accepted.allowsIdentity, let coding = accepted.best,
            let packed = pack(response, count, coding, exchange, budget)
        {
            return packed
        }
        // What was changed was changed: a refusal would say that it was not.
        if accepted.allowsIdentity || ![.get, .head].contains(exchange.method) { return response }
        response.body.discard()
        return Problem(
            .notAcceptable,
            "expected an Accept-Encoding that allows identity\(isPossible ? ", zstd or gzip" : ""), got "
                + exchange.headers("Accept-Encoding").joined(separator: ", ")
        ).response
    }

    private func pack(
        _ response: Response,
        _ count: Int,
        _ coding: Coding,
        _ exchange: Exchange,
        _ budget: MemoryBudget
    ) -> Response? {
        var packed = response
        if exchange.method == .head {
            response.body.discard()
            packed.body = .unknownLength
        } else {
            var reservation: MemoryReservation?
            if count >= PrivateCopy.countedFrom {
                reservation = budget.reserve(Packer.byteCount(coding), until: .immediate)
                if reservation == nil { return nil }
            }
            guard let body = try? CodedBody(response.body, count: count, coding, reservation) else { return nil }
            packed.body = .streamed(body)
        }
        packed.headers.removeAll { $0.0.description == "Accept-Ranges" }
        packed.headers.append(("Content-Encoding", coding.rawValue))
        for place in packed.headers.indices where packed.headers[place].0.description == "ETag" {
            packed.headers[place].1 = "\(packed.headers[place].1.dropLast())-\(coding.rawValue)\""
        }
        return packed
    }
}

extension Response {
    /// Says that answers differ by a field of the request.
    mutating func vary(by name: String) {
        guard let place = headers.firstIndex(where: { $0.0.description == "Vary" }) else {
            headers.append(("Vary", name))
            return
        }
        if !headers[place].1.split(separator: ",").contains(where: { $0.trimmed == name }) {
            headers[place].1 += ", \(name)"
        }
    }

    /// Whether the body lies in a mapping, where only the kernel meets a file that was cut without harm.
    fileprivate var isForKernel: Bool {
        if case .pinned(_, let owner) = body { return owner is Segment }
        return false
    }
}

extension Response.Body {
    /// How many bytes it has, or would have; nil where nobody knows.
    var count: Int? {
        switch self {
        case .empty: 0
        case .allocated(let bytes): bytes.count
        case .pinned(let bytes, _), .fixed(let bytes): bytes.count
        case .made(let source): source.count
        case .length(let count): Int(clamping: count)
        case .streamed, .live, .unknownLength: nil
        }
    }
}
