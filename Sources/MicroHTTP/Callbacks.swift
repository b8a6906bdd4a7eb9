internal import CMicroHTTPD
internal import Glibc
internal import Synchronization

// The functions that libmicrohttpd calls. They capture nothing, stand in no actor's context, and neither throw nor
// block: an event thread serves many connections.

/// Makes the exchange when the request line has come; its only chance to see the target undecoded.
let beginExchange:
    @convention(c) (
        UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?
    ) -> UnsafeMutableRawPointer? = { context, target, connection in
        guard let connection, let target, let socket = cmicrohttpd_socket_context(connection) else { return nil }
        let record = Unmanaged<ConnectionRecord>.fromOpaque(socket).takeUnretainedValue()
        let exchange = Exchange(connection: connection, record: record, target: target)
        record.server.activeRequests.add(1)
        record.loop.place.note()
        return Unmanaged.passRetained(exchange).toOpaque()
    }

/// Ends the exchange, however it ended.
let endExchange:
    @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        MHD_RequestTerminationCode
    ) -> Void = { _, _, slot, _ in
        guard let pointer = slot?.pointee else { return }
        slot?.pointee = nil
        let exchange = Unmanaged<Exchange>.fromOpaque(pointer).takeRetainedValue()
        exchange.end()
        exchange.record.enter(.idle)
        exchange.record.server.activeRequests.add(-1)
    }

/// Called with the header block, with each piece of the body, at its end, and after a suspension.
let handleAccess: MHD_AccessHandlerCallback = { context, connection, _, method, version, piece, pieceCount, slot in
    guard let pointer = slot?.pointee, let connection, let method, let version, let pieceCount else { return .NO }
    return Unmanaged<Exchange>.fromOpaque(pointer)._withUnsafeGuaranteedRef { exchange in
        switch exchange.phase {
        case .head: return exchange.begin(method: method, version: version)
        case .body where pieceCount.pointee > 0:
            let bytes = UnsafeRawBufferPointer(start: piece, count: pieceCount.pointee)
            pieceCount.pointee = 0
            return exchange.takePiece(bytes)
        case .body: return exchange.finish()
        case .parked: return exchange.wakeUp()
        case .answered: return exchange.queueResponse()
        case .working, .queued: return .YES
        }
    }
}

/// Keeps the raw target as it is: this gateway decodes it itself, after splitting.
let keepEscapes: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<CChar>?) -> Int = {
    _,
    _,
    text in text.map { strlen($0) } ?? 0
}

/// Registers a connection when it starts and forgets it when it closes.
let watchConnection:
    @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        MHD_ConnectionNotificationCode
    ) -> Void = { context, connection, slot, code in
        guard let context, let connection, let slot else { return }
        let loop = Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue()
        if code.rawValue == 0 {
            let descriptor = cmicrohttpd_connection_fd(connection)
            let peer = PeerAddress(cmicrohttpd_peer_address(connection), descriptor)
            let record = ConnectionRecord(descriptor: descriptor, peer: peer, loop: loop)
            loop.server.connections.add(record)
            slot.pointee = Unmanaged.passRetained(record).toOpaque()
        } else if let pointer = slot.pointee {
            slot.pointee = nil
            let record = Unmanaged<ConnectionRecord>.fromOpaque(pointer).takeRetainedValue()
            loop.server.connections.remove(record)
            loop.server.connections.letOut(record.peer)
            loop.connectionCount.add(-1)
        }
    }

/// Sees one field of the header block for the gate.
let inspectHeader:
    @convention(c) (
        UnsafeMutableRawPointer?, MHD_ValueKind, UnsafePointer<CChar>?, Int, UnsafePointer<CChar>?, Int
    ) -> MHD_Result = { context, _, name, nameCount, value, valueCount in
        context?.assumingMemoryBound(to: RequestGate.self).pointee.see(
            UnsafeRawBufferPointer(start: name, count: nameCount),
            UnsafeRawBufferPointer(start: value, count: valueCount)
        )
        return .YES
    }

/// Gathers the lines of one field.
let collectHeaderLines:
    @convention(c) (
        UnsafeMutableRawPointer?, MHD_ValueKind, UnsafePointer<CChar>?, UnsafePointer<CChar>?
    ) -> MHD_Result = { context, _, name, value in
        guard let lines = context?.assumingMemoryBound(to: HeaderLines.self), let name, let value else { return .YES }
        let wanted = lines.pointee.name
        let isWanted = wanted.withUTF8Buffer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { strcasecmp($0.baseAddress ?? name, name) == 0 }
        }
        if isWanted { lines.pointee.values.append(String(cString: value)) }
        return .YES
    }

/// Lets go of what a body was sent from.
let releaseOwner: @convention(c) (UnsafeMutableRawPointer?) -> Void = { owner in
    if let owner { Unmanaged<AnyObject>.fromOpaque(owner).release() }
}

/// What a body is made by, where C can hold it.
final class SourceBox {
    let source: any BodySource

    init(_ source: any BodySource) { self.source = source }
}

/// The reader of a body that is made while it is sent.
let readSource: MHD_ContentReaderCallback = { box, offset, place, count in
    guard let box, let place else { return cmicrohttpd_reader_failed() }
    let source = Unmanaged<SourceBox>.fromOpaque(box).takeUnretainedValue().source
    let read = source.read(from: Int(offset), into: UnsafeMutableRawBufferPointer(start: place, count: count))
    return read > 0 ? read : cmicrohttpd_reader_failed()
}

/// What a body of unknown length is made by, where C can hold it.
final class OpenSourceBox {
    let source: any OpenBodySource
    let traffic: Traffic

    init(_ source: any OpenBodySource, _ traffic: Traffic) {
        self.source = source
        self.traffic = traffic
    }
}

/// The reader of a body that is made while it is sent, until its source says that it ends.
let readOpenSource: MHD_ContentReaderCallback = { box, _, place, count in
    guard let box, let place else { return cmicrohttpd_reader_failed() }
    let open = Unmanaged<OpenSourceBox>.fromOpaque(box).takeUnretainedValue()
    guard let read = open.source.read(into: UnsafeMutableRawBufferPointer(start: place, count: count)) else {
        return cmicrohttpd_reader_failed()
    }
    open.traffic.sentBytes.add(read, ordering: .relaxed)
    return read > 0 ? read : cmicrohttpd_reader_ended()
}

/// The reader of a body that only has a length; HEAD never calls it.
let refuseToRead: MHD_ContentReaderCallback = { _, _, _, _ in cmicrohttpd_reader_failed() }

/// Says a last word before libmicrohttpd ends the process.
let reportPanic: MHD_PanicCallback = { _, file, line, reason in
    let text =
        "libmicrohttpd gave up in \(file.map { String(cString: $0) } ?? "?"):\(line): "
        + "\(reason.map { String(cString: $0) } ?? "no reason")\n"
    _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    abort()
}
