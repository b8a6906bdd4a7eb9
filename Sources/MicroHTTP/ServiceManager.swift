internal import CMicroHTTPD
internal import Glibc

/// What a service manager such as systemd and its services tell each other: sockets that it listens on for them, and how
/// they are.
///
/// See sd_listen_fds(3) and sd_notify(3).
package enum ServiceManager {
    /// The sockets that were handed over to this process; none if there is no such manager.
    ///
    /// They are told once: children that this process may have do not get them.
    package static func takeSockets() -> [Int32] {
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) } }
        guard let pid = variable("LISTEN_PID").flatMap({ pid_t($0) }), pid == getpid(),
            let count = variable("LISTEN_FDS").flatMap({ Int32($0) }), (1...1_024).contains(count)
        else { return [] }
        return (3..<(3 + count)).map { $0 }
    }

    /// Says something, if there is somebody to listen: lines such as `READY=1`.
    package static func notify(_ lines: String) {
        guard let path = variable("NOTIFY_SOCKET"), var place = SocketFile.place(path) else { return }
        let count = path.utf8.count
        // An address without a file is written with @ for the zero that it begins with.
        if path.first == "@" { withUnsafeMutableBytes(of: &place.sun_path) { $0[0] = 0 } }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + count)
        withUnsafePointer(to: &place) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = lines.withCString { sendto(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL), address, size) }
            }
        }
    }

    /// The clock that a reload has to be told by, in microseconds.
    package static var monotonicMicroseconds: Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
