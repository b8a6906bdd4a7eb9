internal import CMicroHTTPD
internal import Synchronization

/// What a live body has to say at a moment.
package enum LivePiece {
    /// So many bytes were stored, at least one.
    case bytes(Int)
    /// Nothing now: ask again when the connection is woken.
    case nothing
    /// Nothing any more.
    case end
}

/// Makes the bytes of a body that goes on for as long as there is something to come, such as a stream of events.
///
/// Read by the event thread of its connection, which must not be kept waiting. Whoever has something to say wakes the
/// exchange's ``Waker``.
package protocol LiveSource: AnyObject {
    /// Stores what there is to say.
    func read(into target: UnsafeMutableRawBufferPointer) -> LivePiece
}

/// A live body where C can hold it.
final class LiveBody {
    private let source: any LiveSource
    private let waker: Waker
    private let record: ConnectionRecord
    private let connection: OpaquePointer

    init(_ source: any LiveSource, _ exchange: Exchange) {
        self.source = source
        waker = exchange.waker
        record = exchange.record
        connection = exchange.connection
    }

    /// What libmicrohttpd wants from a reader: a count, 0 with the connection suspended, or one of its ends.
    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            if waker.isCut { return cmicrohttpd_reader_failed() }
            switch source.read(into: target) {
            case .bytes(let count):
                record.enter(.sending)
                record.server.traffic.sentBytes.add(count, ordering: .relaxed)
                return count
            case .end: return cmicrohttpd_reader_ended()
            case .nothing:
                record.enter(.watching)
                if waker.suspend(connection) { return 0 }
            }
        }
    }
}

/// The reader of a live body.
let readLiveBody: MHD_ContentReaderCallback = { body, _, place, count in
    guard let body, let place else { return cmicrohttpd_reader_failed() }
    return Unmanaged<LiveBody>.fromOpaque(body)
        ._withUnsafeGuaranteedRef { $0.read(into: UnsafeMutableRawBufferPointer(start: place, count: count)) }
}
