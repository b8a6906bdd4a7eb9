internal import CMicroHTTPD
internal import Locks

/// libmicrohttpd's forms of one answer that is sent again and again: body and fields, but for those of each request.
///
/// To make a form and add its fields takes longer than to send it. Each is in the hands of one exchange at a time, from
/// the queueing to its end, so that nobody reads a field that somebody else replaces.
package final class AnswerForms: Sendable {
    private let idle = Locked<[Form]>([])
    /// So many wait for the next request; one does unless clients are slow.
    private static let most = 4

    /// None yet.
    package init() {}

    deinit { for form in idle.withLock({ $0 }) { MHD_destroy_response(form.pointer) } }

    /// A form that nobody has, without the fields of a request.
    func take() -> OpaquePointer? { idle.withLock { $0.popLast() }?.pointer }

    /// Takes a form back that an exchange is done with.
    func giveBack(_ form: OpaquePointer) {
        Stamp.removeFields(from: form)
        let form = Form(pointer: form)
        let isKept = idle.withLock { idle in
            if idle.count >= Self.most { return false }
            idle.append(form)
            return true
        }
        if !isKept { MHD_destroy_response(form.pointer) }
    }
}

/// `@unchecked Sendable` because libmicrohttpd counts who has it under a lock of its own.
private struct Form: @unchecked Sendable {
    let pointer: OpaquePointer
}
