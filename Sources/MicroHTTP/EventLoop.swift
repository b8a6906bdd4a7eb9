internal import CGnuTLS
internal import CMicroHTTPD
internal import Glibc

/// One epoll thread of libmicrohttpd, fed by the acceptor; all of its connections are encrypted, or none is.
///
/// `@unchecked Sendable` because the daemon is set before the first connection and cleared after the last.
final class EventLoop: @unchecked Sendable {
    unowned let server: Server
    /// Connections given to it and not closed yet.
    let connectionCount = Counter()
    /// What it shows in TLS; nil if it speaks plain HTTP.
    ///
    /// libmicrohttpd keeps pointers to its texts.
    private let certificate: Texts?
    private var daemon: OpaquePointer?
    /// Where workers find it.
    let place = EventThreads.Place()

    init(server: Server, certificate: ServerCertificate?) {
        self.server = server
        self.certificate = certificate.map(Texts.init)
    }

    /// Whether its connections are encrypted.
    var isSecure: Bool { certificate != nil }
    /// Whether clients are asked for certificates.
    var asksForCertificates: Bool { certificate?.clientAuthorities != nil }

    /// Starts the thread.
    func start() throws(ServerError) {
        let configuration = server.configuration
        let context = Int(bitPattern: Unmanaged.passUnretained(self).toOpaque())
        func item(_ option: MHD_OPTION, _ value: Int, _ pointer: Int = 0) -> MHD_OptionItem {
            MHD_OptionItem(option: option, value: value, ptr_value: UnsafeMutableRawPointer(bitPattern: pointer))
        }
        var options = [
            item(.URI_LOG_CALLBACK, unsafeBitCast(beginExchange, to: Int.self), context),
            item(.UNESCAPE_CALLBACK, unsafeBitCast(keepEscapes, to: Int.self), context),
            item(.NOTIFY_COMPLETED, unsafeBitCast(endExchange, to: Int.self), context),
            item(.NOTIFY_CONNECTION, unsafeBitCast(watchConnection, to: Int.self), context),
            item(.CONNECTION_MEMORY_LIMIT, configuration.poolBytes),
            item(.CONNECTION_LIMIT, Int(Int32.max)),
        ]
        if let certificate {
            options.append(item(.HTTPS_MEM_CERT, 0, Int(bitPattern: certificate.chain)))
            options.append(item(.HTTPS_MEM_KEY, 0, Int(bitPattern: certificate.key)))
            options.append(item(.HTTPS_PRIORITIES, 0, Int(bitPattern: certificate.priorities)))
            if let authorities = certificate.clientAuthorities {
                options.append(item(.HTTPS_MEM_TRUST, 0, Int(bitPattern: authorities)))
            }
        }
        options.append(item(.END, 0))
        daemon = cmicrohttpd_start_daemon(
            cmicrohttpd_fed_epoll_thread(isSecure ? 1 : 0),
            handleAccess,
            UnsafeMutableRawPointer(bitPattern: context),
            &options
        )
        guard let daemon else { throw .noDaemon }
        place.waits(with: cmicrohttpd_epoll_fd(daemon))
        server.eventThreads.add(place)
    }

    /// Gives it a connection, which it closes if it cannot serve it; false then.
    ///
    /// Called by the acceptor only.
    /// The acceptor counts: libmicrohttpd must never meet a limit of its own, for 0.9.75 keeps a lock when it does, and
    /// then waits for it.
    func take(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Bool {
        connectionCount.add(1)
        if MHD_add_connection(daemon, descriptor, address, length) == .YES { return true }
        connectionCount.add(-1)
        return false
    }

    /// Ends the thread; no connection may be suspended.
    func stop() {
        guard let daemon else { return }
        server.eventThreads.remove(place)
        MHD_stop_daemon(daemon)
        self.daemon = nil
    }
}

/// The texts of a certificate where C finds them for as long as this lives.
private final class Texts {
    let chain: UnsafeMutablePointer<CChar>
    let key: UnsafeMutablePointer<CChar>
    let clientAuthorities: UnsafeMutablePointer<CChar>?
    let priorities: UnsafeMutablePointer<CChar>

    init(_ certificate: ServerCertificate) {
        func copy(_ text: [CChar]) -> UnsafeMutablePointer<CChar> {
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
            copy.initialize(from: text, count: text.count)
            return copy
        }
        chain = copy(certificate.chain)
        key = copy(certificate.key)
        clientAuthorities = certificate.clientAuthorities.map(copy)
        priorities = copy(CGNUTLS_PRIORITIES.utf8CString.map { $0 })
    }

    deinit {
        chain.deallocate()
        key.deallocate()
        clientAuthorities?.deallocate()
        priorities.deallocate()
    }
}
